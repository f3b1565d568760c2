# SPDX-License-Identifier: GPL-2.0
"""Makes small.dat, the smallest trace.dat with events: python3 make.py small.dat"""
import struct,sys
hp=b"""\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;
\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;
\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;
\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;
"""
he=b"""# compressed entry header
\ttype_len    :    5 bits
\ttime_delta  :   27 bits
\tarray       :   32 bits

\tpadding     : type == 29
\ttime_extend : type == 30
\ttime_stamp : type == 31
\tdata max type_len  == 28
"""
common=b"format:\n\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\tfield:unsigned char common_flags;\toffset:2;\tsize:1;\tsigned:0;\n\tfield:unsigned char common_preempt_count;\toffset:3;\tsize:1;\tsigned:0;\n\tfield:int common_pid;\toffset:4;\tsize:4;\tsigned:1;\n\n"
ex=b"name: kvm_exit\nID: 50\n"+common+b"\tfield:unsigned int exit_reason;\toffset:8;\tsize:4;\tsigned:0;\n\tfield:u32 isa;\toffset:12;\tsize:4;\tsigned:0;\n\nprint fmt: \"%u\", REC->isa\n"
en=b"name: kvm_entry\nID: 51\n"+common+b"\tfield:unsigned int vcpu_id;\toffset:8;\tsize:4;\tsigned:0;\n\nprint fmt: \"%u\", REC->vcpu_id\n"
def q(b): return struct.pack("<Q",len(b))+b
f=b"\x17\x08\x44tracing"+b"6\0"+b"\0"+b"\x08"+struct.pack("<I",4096)
f+=b"header_page\0"+q(hp)+b"header_event\0"+q(he)
f+=struct.pack("<I",0)+struct.pack("<I",1)+b"kvm\0"+struct.pack("<I",2)+q(ex)+q(en)
f+=struct.pack("<I",0)+struct.pack("<I",0)
cl=b"101 qemu\n"
f+=struct.pack("<Q",len(cl))+cl
f+=struct.pack("<I",1)+b"options  \0"+struct.pack("<H",0)+b"flyrecord\0"
off=len(f)+16
off=(off+4095)//4096*4096
f+=struct.pack("<QQ",off,4096)
ev=b""
def rec(delta,data):
    global ev
    ev+=struct.pack("<I",(len(data)//4)|(delta<<5))+data
for i in range(4):
    rec(10,struct.pack("<HBBiI",51,0,0,101,0))
    rec(30,struct.pack("<HBBiII",50,0,0,101,0x7b,2))
page=struct.pack("<QQ",1000,len(ev))+ev
f=f.ljust(off,b"\0")+page.ljust(4096,b"\0")
open(sys.argv[1],"wb").write(f)
