/** Processes that die or stand still. Whoever keeps them alive starts them again. */
import type { Role } from '../stage.ts'
import { type Fault, nothing, signal } from './fault.ts'

const kill = (name: string, role: Role, about: string): Fault => ({
  name,
  about,
  network: false,
  lastsMs: [0, 0],
  async inject(stage, chance) {
    const victim = chance.of(stage.nodes(role).filter(n => n.pid > 0))
    return victim && signal(victim.pid, 'SIGKILL') ? { victim: victim.id, heal: nothing } : null
  },
})

const freeze = (name: string, role: Role, lastsMs: Fault['lastsMs'], about: string): Fault => ({
  name,
  about,
  network: false,
  lastsMs,
  async inject(stage, chance) {
    const victim = chance.of(stage.nodes(role).filter(n => n.pid > 0))
    if (!victim || !signal(victim.pid, 'SIGSTOP')) return null
    return { victim: victim.id, heal: async () => void signal(victim.pid, 'SIGCONT') }
  },
})

export const PROCESS_FAULTS: readonly Fault[] = [
  kill('kill-conductor', 'conductor', 'kill -9 of a conductor'),
  kill('kill-agent', 'compute', "kill -9 of a compute host's agent; its guests go on"),
  kill('kill-gateway', 'gateway', 'kill -9 of the gateway'),
  freeze('freeze-conductor', 'conductor', [500, 12_000], 'a conductor under SIGSTOP, for less or more than its lease'),
  freeze('freeze-agent', 'compute', [500, 8000], "a compute host's agent under SIGSTOP"),
]
