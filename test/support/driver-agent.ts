/**
 * A compute agent in small, to be killed: `driver-agent.ts FOLDER INSTANCE IMAGE [METHOD ORDER]...` opens a process driver and
 * does one command after another, saying `done METHOD ORDER` after each, `open` before the first. Then it waits.
 */
import { probeCapabilities } from '../../actors/hypervisor/drivers/process/capabilities.ts'
import { openProcessDriver } from '../../actors/hypervisor/drivers/process/driver.ts'
import { realEnv, specOf } from './driver-contract.ts'

const [folder = '', instance = '', image = '', ...commands] = process.argv.slice(2)
const driver = await openProcessDriver(realEnv, { folder, capabilities: await probeCapabilities(realEnv) })
console.log('open')
for (let i = 0; i < commands.length; i += 2) {
  const order = Number(commands[i + 1])
  if (commands[i] === 'spawn') await driver.spawn(specOf(instance, image), order)
  if (commands[i] === 'reboot') await driver.reboot(instance, order, 'hard')
  console.log(`done ${commands[i]} ${order}`)
}
setInterval(() => {}, 60_000)
