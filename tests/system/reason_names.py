# SPDX-License-Identifier: GPL-2.0
"""Compares tracer/core/reason_table.h with the names in the kernel's own format file of kvm_exit.

The kernel prints VMX reasons by the names of its constants, and SVM reasons by words of its own. So
for SVM a name counts as the same if it is the constant's in lower case, or is listed here.
usage: reason_names.py FORMAT_FILE	prints TAP
"""
import re
import sys

# The kernel's word: the name of the constant SVM_EXIT_x.
WORDS = {"interrupt": "INTR", "cr0_sel_write": "CR0_SEL_WRITE", "read_rt": "TR_READ",
         "write_rt": "TR_WRITE", "read_idtr": "IDTR_READ", "read_gdtr": "GDTR_READ",
         "read_ldtr": "LDTR_READ", "write_idtr": "IDTR_WRITE", "write_gdtr": "GDTR_WRITE",
         "write_ldtr": "LDTR_WRITE", "io": "IOIO", "hypercall": "VMMCALL", "buslock": "BUS_LOCK",
         "idle-halt": "IDLE_HLT", "invalid_guest_state": "ERR",
         "write_efer_trap": "EFER_WRITE_TRAP", "write_cr0_trap": "CR0_WRITE_TRAP",
         "write_cr4_trap": "CR4_WRITE_TRAP", "write_cr8_trap": "CR8_WRITE_TRAP",
         "vmgexit_page_state_change": "VMGEXIT_PSC",
         "vmgexit_hypervisor_feature": "VMGEXIT_HV_FEATURES"}


def kernel_tables(text):
    """Two dicts, code -> name: VMX, SVM."""
    found = []
    for m in re.finditer(r"__print_symbolic\(REC->exit_reason[^,]*, (.*?)\)(?= |,|$)", text):
        table = {}
        for code, name in re.findall(r'\{ ([^,}]+), "([^"]+)" \}', m[1]):
            table[sum(int(x, 0) for x in code.split("+"))] = name
        found.append(table)
    return found


def our_table(array):
    text = open("tracer/core/reason_table.h").read()
    body = re.search(array + r"\[\] = \{(.*?)\};", text, re.S)[1]
    return {int(code, 16): name for code, name in re.findall(r'\{ (0x[0-9a-f]+), "([^"]+)" \}', body)}


def differences(text):
    vmx, svm = kernel_tables(text)[:2]
    ours, out = our_table("vmx_reasons"), []
    if len(vmx) < 50 or len(svm) < 90:
        return [f"the format file cannot be read: {len(vmx)} and {len(svm)} names"]
    out += [f"VMX {c}: {ours.get(c)}, not {name}" for c, name in vmx.items() if ours.get(c) != name]
    ours = our_table("svm_reasons")
    for code, word in svm.items():
        if re.fullmatch(r"[A-Z]{2} excp", word):
            # Generated names: reason_name() makes EXCP_vector of codes 0x40 to 0x5f.
            if not 0x40 <= code <= 0x5f:
                out.append(f"SVM {code:#x}: {word}, but not an exception's code")
        elif code < 0:
            if word != "invalid_guest_state":
                out.append(f"SVM {code}: unknown word {word}")
        elif ours.get(code) != WORDS.get(word, word.upper()):
            out.append(f"SVM {code:#x}: {ours.get(code)}, the kernel has {word}")
    for line in out:
        print(" ", line, file=sys.stderr)
    return out


if __name__ == "__main__":
    bad = differences(open(sys.argv[1]).read())
    print("not ok" if bad else "ok", "1 - every exit reason has the name that this kernel gives it")
    print("1..1")
    sys.exit(bool(bad))
