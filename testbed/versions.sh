# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034
# What the emulated machine is made of. Exit counts belong to these versions: a change here is a
# change of every baseline.

QEMU_VERSION=10.0.13			# upstream version of Debian 13's source package
QEMU_DSC_VERSION=1:10.0.13+ds-0+deb13u1	# the package it comes from
KERNEL_RELEASE=6.12.117+deb12-amd64	# bookworm-backports; kernel of L1 and of L2
