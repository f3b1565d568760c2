# Devices of L0's QEMU, the emulated machine itself. Everything else stays out of the build
# (configure --without-default-devices); what the q35 board needs it selects by itself.
CONFIG_I440FX=n
CONFIG_ISAPC=n
CONFIG_MICROVM=n
CONFIG_Q35=y
CONFIG_HPET=y
# The IOMMU: VFIO in L1, and the interrupt remapping without which L1 has no x2APIC.
CONFIG_VTD=y
CONFIG_PCIE_PORT=y
# The NIC with virtual functions, and its peer.
CONFIG_IGB_PCI_EXPRESS=y
CONFIG_E1000E_PCI_EXPRESS=y
# Channels between L1 and the tool: shared memory, exit status.
CONFIG_IVSHMEM_DEVICE=y
CONFIG_ISA_DEBUG=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_NET=y
CONFIG_VIRTIO_BLK=y
