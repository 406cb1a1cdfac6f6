#!/bin/sh
# The power button was pressed.
echo "power: the button was pressed" >/dev/ttyS0
sync
umount /disk 2>/dev/null
poweroff -f
