/** What a switch can do to those on it: cut off, lose, hold back. */
import { fileURLToPath } from 'node:url'
import type { Drop, Network } from '../network.ts'
import { OUTSIDE } from '../network.ts'
import type { Stage } from '../stage.ts'
import type { Chance, Fault, Injected } from './fault.ts'

const PROXY = fileURLToPath(new URL('../proxy.ts', import.meta.url))

const both = (a: string, b: string): Drop[] => [
  { from: a, to: b },
  { from: b, to: a },
]

const alone = (victim: string): Drop[] => [
  { from: victim, to: null },
  { from: null, to: victim },
]

/** Longer than a host may be silent before it is lost: by the stage's terms, 11.6 s. */
const LOST_MS = [14_000, 25_000] as const

/** A fault that is a set of rules at the switch. */
const dropping = (
  name: string,
  about: string,
  lastsMs: Fault['lastsMs'],
  choose: (stage: Stage, chance: Chance) => { readonly victim: string; readonly rules: readonly Drop[] } | null,
): Fault => ({
  name,
  about,
  network: true,
  lastsMs,
  inject: (stage, chance) =>
    onNetwork(stage, async network => {
      const chosen = choose(stage, chance)
      return chosen && { victim: chosen.victim, heal: await network.drop(chosen.rules) }
    }),
})

const onNetwork = async ({ network }: Stage, inject: (network: Network) => Promise<Injected | null>): Promise<Injected | null> =>
  network && inject(network)

const ids = (stage: Stage, role: 'conductor' | 'compute'): string[] => stage.nodes(role).map(n => n.id)

export const NETWORK_FAULTS: readonly Fault[] = [
  dropping('partition-conductor', 'a conductor hears nobody and is heard by nobody', [500, 12_000], (stage, chance) => {
    const victim = chance.of(ids(stage, 'conductor'))
    return victim === undefined ? null : { victim, rules: alone(victim) }
  }),
  dropping('partition-host', 'a compute host hears nobody and is heard by nobody', [500, 9000], (stage, chance) => {
    const victim = chance.of(ids(stage, 'compute'))
    return victim === undefined ? null : { victim, rules: alone(victim) }
  }),
  dropping(
    'lose-host',
    'a compute host is cut off for longer than its lease: what is highly available there is evacuated',
    LOST_MS,
    (stage, chance) => {
      const victim = chance.of(ids(stage, 'compute'))
      return victim === undefined ? null : { victim, rules: alone(victim) }
    },
  ),
  dropping('deaf-conductor', 'one way: a conductor is heard and hears nothing', [500, 9000], (stage, chance) => {
    const victim = chance.of(ids(stage, 'conductor'))
    return victim === undefined ? null : { victim, rules: [{ from: null, to: victim }] }
  }),
  dropping('mute-conductor', 'one way: a conductor hears and is not heard by the other nodes', [500, 9000], (stage, chance) => {
    const victim = chance.of(ids(stage, 'conductor'))
    const others = stage.nodes().flatMap(n => (n.role === 'gateway' || n.id === victim ? [] : [n.id]))
    return victim === undefined ? null : { victim, rules: others.map(to => ({ from: victim, to })) }
  }),
  dropping('split-conductors', 'half of the conductors cannot reach the other half; all reach the database', [500, 9000], (stage, chance) => {
    const all = ids(stage, 'conductor').toSorted(() => chance.next() - 0.5)
    const half = all.slice(0, Math.max(1, Math.floor(all.length / 2)))
    const rest = all.slice(half.length)
    return rest.length === 0 ? null : { victim: half.join(' '), rules: half.flatMap(a => rest.flatMap(b => both(a, b))) }
  }),
  dropping('conductor-without-database', 'a conductor reaches everybody but the database', [500, 12_000], (stage, chance) => {
    const victim = chance.of(ids(stage, 'conductor'))
    return victim === undefined
      ? null
      : {
          victim,
          rules: stage.database.ports.flatMap(port => both(victim, OUTSIDE).map(rule => ({ ...rule, port }))),
        }
  }),
  dropping('loss', 'a tenth to a third of all packets is lost', [1000, 6000], (_, chance) => {
    const percent = Math.round(chance.between([10, 33]))
    return { victim: `${percent} %`, rules: [{ from: null, to: null, percent }] }
  }),
  {
    name: 'slow-link',
    about: 'a node receives no more than 200 to 2,000 kbit/s',
    network: true,
    lastsMs: [1000, 6000],
    inject: (stage, chance) =>
      onNetwork(stage, async network => {
        const victim = chance.of([...ids(stage, 'conductor'), ...ids(stage, 'compute')])
        return victim === undefined ? null : { victim, heal: await network.limit(victim, Math.round(chance.between([200, 2000]))) }
      }),
  },
  {
    name: 'messages-late-and-twice',
    about: 'messages to and from a conductor are held up, by up to 0.4 s, and one in five comes twice',
    network: true,
    lastsMs: [2000, 8000],
    inject: (stage, chance) =>
      onNetwork(stage, async network => {
        const victim = chance.of(ids(stage, 'conductor'))
        if (victim === undefined) return null
        return { victim, heal: await network.intercept(victim, stage.portOf(victim), PROXY, ['400', '20']) }
      }),
  },
]
