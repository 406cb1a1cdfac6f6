/** What is explored, within which bounds, and where each planted bug is looked for. */
import { type Exploration, explore, type Model } from './explore.ts'
import { act, CREATE, CREATE_ANOTHER, DELETE, guestsModel } from './guests.ts'
import { GUEST_BUGS, type Scenario } from './guests-state.ts'
import { LEASE_BUGS, leaseModel } from './lease.ts'
import { OWNERSHIP_BUGS, ownershipModel } from './ownership.ts'

export interface Check {
  readonly name: string
  run(): Promise<Exploration>
}

export interface PlantedBug {
  readonly name: string
  readonly model: string
  readonly means: string
  /** Looks for it in one exploration after the other until it is found; with the counterexample of the first that does. */
  find(): Promise<Exploration>
}

/** More than any of the explorations below has. */
const MAX_STATES = 2_000_000

const check = <S>(name: string, model: Model<S>): Check => ({ name, run: () => explore(model, { maxStates: MAX_STATES }) })

const NOTHING = { timers: 0, faults: 0, outages: 0, agentCrashes: 0, audits: 0 }
const BUILD: Scenario = { ...NOTHING, name: 'build and delete', built: false, requests: [CREATE, DELETE], timers: 1, faults: 1 }
const RACE: Scenario = { ...NOTHING, name: 'two builds, room for one on each host', built: false, requests: [CREATE, CREATE_ANOTHER] }
const MOVES = [act('migrate'), act('revert-resize'), act('confirm-resize')]
const MIGRATE: Scenario = { ...NOTHING, name: 'migrate, confirm or revert', built: true, requests: MOVES, timers: 1, audits: 1 }
const EVACUATE: Scenario = { ...NOTHING, name: 'evacuate', built: true, requests: [act('evacuate')], outages: 1, audits: 1 }

/** A few seconds: for `npm test`. */
export const SMALL: readonly Check[] = [
  check('ownership: 2 lives of conductors, 1 shard', ownershipModel({ incarnations: 2, events: 1, drains: 0, shards: [1] })),
  check('lease: term 2, drift 1, 1 heartbeat at once', leaseModel({ termTicks: 2, driftTicks: 1, beats: 1, takeOvers: 1 })),
  ...[BUILD, RACE, EVACUATE].map(scenario => check(`guests: ${scenario.name}`, guestsModel(scenario))),
]

/** Within two minutes on one core. */
export const FULL: readonly Check[] = [
  check('ownership: 3 lives of conductors, 1 shard', ownershipModel({ incarnations: 3, events: 1, drains: 0, shards: [1] })),
  check('ownership: 2 lives, 1 shard, one of them drained', ownershipModel({ incarnations: 2, events: 1, drains: 1, shards: [1] })),
  check('ownership: 2 lives, 2 shards', ownershipModel({ incarnations: 2, events: 1, drains: 0, shards: [0, 1] })),
  check('lease: term 3, drift 1, 1 heartbeat at once', leaseModel({ termTicks: 3, driftTicks: 1, beats: 1, takeOvers: 1 })),
  check('lease: term 2, drift 1, 1 heartbeat at once, 2 take-overs', leaseModel({ termTicks: 2, driftTicks: 1, beats: 1, takeOvers: 2 })),
  ...[
    { ...BUILD, timers: 2 },
    { ...BUILD, agentCrashes: 1 },
    { ...RACE, timers: 1 },
    { ...MIGRATE, faults: 1 },
    { ...MIGRATE, timers: 2, audits: 0 },
    { ...MIGRATE, name: 'migrate and delete', requests: [act('migrate'), DELETE] },
    { ...EVACUATE, timers: 1, outages: 2 },
    { ...EVACUATE, timers: 1, audits: 2 },
  ].map(scenario => check(`guests: ${scenario.name} (${budgetOf(scenario)})`, guestsModel(scenario))),
]

function budgetOf({ timers, faults, outages, agentCrashes, audits }: Scenario): string {
  const counts = { timers, faults, outages, 'agent crashes': agentCrashes, reports: audits }
  const parts = Object.entries(counts).filter(([, count]) => count > 0)
  return parts.map(([what, count]) => `${count} ${what}`).join(', ')
}

/** One model after the other, the small ones first. */
function planted<B extends string, S>(model: string, bugs: Readonly<Record<B, string>>, models: readonly ((bug: B) => Model<S>)[]): PlantedBug[] {
  const names = Object.keys(bugs).filter((name): name is B => name in bugs)
  return names.map(name => ({
    name,
    model,
    means: bugs[name],
    async find() {
      let last: Exploration | null = null
      for (const of of models) {
        last = await explore(of(name), { maxStates: MAX_STATES })
        if (last.violation) return last
      }
      if (!last) throw new Error(`there is no model for ${name}`)
      return last
    },
  }))
}

export const PLANTED: readonly PlantedBug[] = [
  ...planted('ownership', OWNERSHIP_BUGS, [
    bug => ownershipModel({ incarnations: 2, events: 1, drains: 0, shards: [1] }, bug),
    bug => ownershipModel({ incarnations: 3, events: 1, drains: 0, shards: [1] }, bug),
  ]),
  ...planted('lease', LEASE_BUGS, [bug => leaseModel({ termTicks: 2, driftTicks: 1, beats: 1, takeOvers: 1 }, bug)]),
  ...planted('guests', GUEST_BUGS, [bug => guestsModel(BUILD, bug), bug => guestsModel(EVACUATE, bug), bug => guestsModel(MIGRATE, bug)]),
]
