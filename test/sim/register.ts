/** Clients that use the name of an instance as a register: they write and read it all the time, and remember when. */
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type History, printOf } from './history.ts'
import { createPatience, isOfTheWay } from './insist.ts'
import type { Loop } from './loop.ts'
import { createProcess } from './process.ts'
import type { Random } from './random.ts'
import type { World } from './world.ts'

const CLIENTS = 3
/** All uses of one register together: as many as a search through all their orders can bear. */
const MOST_USES = 30

/** `untilMs`: when they stop. They count as busy until then. */
export function startRegister(loop: Loop, random: Random, world: World, history: History, untilMs: number): void {
  const instance = createProcess('register', loop, random.fork(), world.log).env.uuid()
  let uses = 0
  for (let i = 1; i <= CLIENTS; i++) {
    history.busy++
    user(`register-${i}`).then(
      () => history.busy--,
      error => history.surprises.push(`a client failed: ${error instanceof Error ? error.stack : error}`),
    )
  }

  async function user(client: string): Promise<void> {
    const own = random.fork()
    const { env } = createProcess(client, loop, own, world.log)
    const { pause, once, insist } = createPatience(env, own, history)
    const create = { ids: [instance], name: 'new', project: 'r', flavor: 'tiny', image: FAKE_IMAGE.id, metadata: {}, reservation: 'r-1' }
    const made = await insist('create', () => world.api().createInstances({ ...create, repeatable: true, requestId: `req-${instance}` }))
    // There may be no quota left for it.
    if (made instanceof BatonError) return
    history.created.set(instance, loop.nowMs())
    let writes = 0
    while (loop.nowMs() < untilMs && uses < MOST_USES) {
      uses++
      await pause(own.int(1, 1500))
      const kind = own.chance(0.5) ? 'write' : 'read'
      const wanted = `${client}.${++writes}`
      const calledMs = loop.nowMs()
      const note = (value: string, answeredMs: number | null): void => {
        history.register.push({ client, instance, kind, value, calledMs, answeredMs })
      }
      try {
        const body = await once(async () =>
          kind === 'write'
            ? world.api().updateInstance({ id: instance, name: wanted, requestId: `req-${wanted}` })
            : world.api().getInstance({ id: instance }),
        )
        note(kind === 'write' ? wanted : body.name, loop.nowMs())
        if (kind === 'read') history.reads.push({ client, instance, print: printOf(body) })
      } catch (error) {
        if (!isOfTheWay(error)) throw error
        if (kind === 'write') note(wanted, null)
      }
    }
  }
}
