/** The contract on the driver of QEMU: real machines, each with a boot sector for a system. time limit: 180 s */
import { test } from 'uvu'
import { driverContract } from '../support/driver-contract.ts'
import { qemuBench, skipWithout, whyNoQemu } from '../support/driver-qemu-bench.ts'

const missing = await whyNoQemu()
if (missing === null) {
  // The other half of it, a new driver for every call, is in `driver-qemu.test.ts` where it tells something of this driver.
  const [contract] = driverContract('qemu', () => qemuBench())
  contract?.run()
} else {
  test('the contract on qemu', () => skipWithout(missing))
  test.run()
}
