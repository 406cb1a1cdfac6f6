/** What is asked of a guest of QEMU, or done to it, without changing what it is: its console, its screen, what it uses, a dump of it. */
import { join } from 'node:path'
import { BatonError } from '../../../kernel/errors.ts'
import type { GuestMemory, HypervisorDriver } from '../../driver.ts'
import { ageS, usedBy } from '../process/proc.ts'
import type { QemuGuest } from '../records.ts'
import { checkInstanceId, noGuest } from '../rules.ts'
import { guestMemoryOf } from './balloon.ts'
import { BALLOON, FILES } from './command-line.ts'
import type { Runs } from './runs.ts'
import { openSocket } from './sockets.ts'
import { isOn } from './status.ts'
import type { User } from './tools.ts'

const MB = 1024 ** 2
/** Of what the guest has written before, so much is shown to who opens its serial line, bytes. */
const SCROLLBACK_BYTES = 16 * 1024

/** A machine that does not answer so soon is shown without what it would have said, ms. */
const LOOK_MS = 2000

type Looks = Required<Pick<HypervisorDriver, 'diagnostics' | 'crashDump' | 'consoleLog' | 'streams' | 'openStream'>>

export interface LooksOptions {
  readonly runs: Runs
  readonly user: User | null
  guests(): Promise<ReadonlyMap<string, QemuGuest>>
}

export function createLooks({ runs, user, guests }: LooksOptions): Looks {
  async function find(instance: string): Promise<QemuGuest> {
    checkInstanceId(instance)
    const guest = (await guests()).get(instance)
    if (!guest) throw noGuest(instance)
    return guest
  }

  /** What its balloon has heard; null when its system has no driver for one, or says nothing yet. */
  async function memoryIn(guest: QemuGuest): Promise<GuestMemory | null> {
    const qmp = await runs.session(guest)
    const [stats, balloon] = await Promise.all([
      qmp.execute('qom-get', { path: `/machine/peripheral/${BALLOON}`, property: 'guest-stats' }, LOOK_MS),
      qmp.execute('query-balloon', {}, LOOK_MS),
    ]).catch(() => [null, null])
    return guestMemoryOf(stats, balloon)
  }

  return {
    async diagnostics(instance) {
      const guest = await find(instance)
      const state = await runs.power(guest)
      if (!isOn(state)) return { state, uptimeS: null, cpuTimeNs: null, memoryUsedMb: null }
      const { cpuTimeNs, memoryBytes } = await usedBy([guest.run.pid])
      const guestMemory = await memoryIn(guest)
      const used = { state, uptimeS: await ageS(guest.run), cpuTimeNs, memoryUsedMb: Math.round(memoryBytes / MB) }
      return guestMemory ? { ...used, guestMemory } : used
    },
    async crashDump(instance) {
      await (await runs.session(await find(instance))).execute('inject-nmi')
    },
    async consoleLog(instance, maxBytes) {
      await find(instance)
      return runs.console(instance, maxBytes)
    },
    streams: ['serial', 'vnc'],
    async openStream(instance, kind) {
      const guest = await find(instance)
      const power = await runs.power(guest)
      if (!isOn(power)) throw new BatonError('DriverFault', `guest ${instance} is ${power}: a console is there while it is on`)
      const home = runs.homeOf(instance)
      if (kind === 'vnc') return openSocket(join(home, FILES.vnc), user)
      // QEMU keeps nothing for who comes later. What is written in the moment between these two is in the log alone.
      const before = Buffer.from(await runs.console(instance, SCROLLBACK_BYTES))
      return openSocket(join(home, FILES.serial), user, before)
    },
  }
}
