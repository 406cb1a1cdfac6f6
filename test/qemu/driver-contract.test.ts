/** The contract on the driver of QEMU: real machines, each with a boot sector for a system. time limit: 180 s */
import { driverContract } from '../support/driver-contract.ts'
import { canRunQemu, qemuBench } from '../support/driver-qemu-bench.ts'

if (await canRunQemu()) {
  // The other half of it, a new driver for every call, is in `driver-qemu.test.ts` where it tells something of this driver.
  const [contract] = driverContract('qemu', () => qemuBench())
  contract?.run()
}
