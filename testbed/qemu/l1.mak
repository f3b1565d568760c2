# Devices of L1's QEMU, which runs the measured guests with KVM. It is loaded and started under
# emulation, so everything that is not used costs measured seconds.
CONFIG_I440FX=n
CONFIG_ISAPC=n
CONFIG_MICROVM=n
CONFIG_Q35=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_NET=y
CONFIG_VIRTIO_BLK=y
CONFIG_VIRTIO_SERIAL=y
# Disks that the host's kernel serves. VHOST_SCSI is built beside virtio-scsi only.
CONFIG_VIRTIO_SCSI=y
CONFIG_VHOST_SCSI=y
CONFIG_VFIO=y
CONFIG_VFIO_PCI=y
