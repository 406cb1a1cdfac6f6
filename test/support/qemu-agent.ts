/**
 * A compute agent in small, to be killed: `qemu-agent.ts FOLDER IMAGE_FILE UID [METHOD INSTANCE ORDER]...` opens a driver of QEMU and does one
 * command after another, saying `done METHOD INSTANCE` after each, `open` before the first. Then it waits.
 */
import { openQemuDriver } from '../../actors/hypervisor/drivers/qemu/driver.ts'
import { userFor } from '../../actors/hypervisor/drivers/qemu/tools.ts'
import { realEnv, specOf } from './driver-contract.ts'

const [folder = '', path = '', uid = '', ...commands] = process.argv.slice(2)
const driver = await openQemuDriver(realEnv, {
  ...{ folder, built: '', user: await userFor(Number(uid)) },
  fetch: (_image, _instance, task) => task({ path, format: 'raw' }),
})
console.log('open')
for (let i = 0; i < commands.length; i += 3) {
  const [method, instance = '', order] = commands.slice(i, i + 3)
  if (method === 'spawn') await driver.spawn(specOf(instance, 'test'), Number(order))
  if (method === 'reboot') await driver.reboot(instance, Number(order), 'hard')
  if (method === 'suspend') await driver.suspend?.(instance, Number(order))
  if (method === 'resume') await driver.resume?.(instance, Number(order))
  console.log(`done ${method} ${instance}`)
}
setInterval(() => {}, 60_000)
