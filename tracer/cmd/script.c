// SPDX-License-Identifier: GPL-2.0
#include "cmd/cmd.h"
int cmd_script(int argc, char **argv) { (void)argc, (void)argv; return 0; }
