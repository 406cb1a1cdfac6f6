/**
 * Model of guests: instances, their operations and two hosts, with every message lost, late, repeated and out of order. What must
 * hold: **an instance runs on one host at most**; a guest runs only where room is held for it, room is held only for somebody, and
 * never more than there is; what an instance has is not destroyed.
 *
 * From production, run as they are: the actors of instances, operations (with their catalogue) and hosts: decide, evolve and work, and
 * the rules by which an agent obeys. Modelled apart: the agent around those rules (`guests-agent.ts`), the scheduler (answers with the
 * hosts in any order, full or not), and the question a conductor asks about a reported guest (`supervisors/hosts/host-monitor.ts`).
 *
 * There are no conductors here, and yet there are any number, crashing at will. A commit is one step, which the model of ownership
 * allows. A call that the state asks for is under way from then on and for ever: it may arrive at any time, any number of times or
 * never. Its answer may never come. So whoever crashes, takes over, freezes, or still believes to own what another owns
 * can do no more to the rest than what happens here anyway: send late, send again, or not hear. Timers fire at any time, since machines
 * are slow, as often as the scenario allows.
 */
import { type Address, addressKey, parseAddress } from '../../actors/kernel/address.ts'
import type { ActorEvent, AnyActor, CallWork, Work } from '../../actors/kernel/define.ts'
import { type Fault, isTransient } from '../../actors/kernel/errors.ts'
import type { Model, Step } from './explore.ts'
import { type AgentCommand, cutPower, NEW_AGENT, obey, restarted } from './guests-agent.ts'
import { actorsOf } from './guests-bugs.ts'
import { isInstance, keyOf, violated } from './guests-rules.ts'
import type { Call, GuestBug, Request, Scenario, State } from './guests-state.ts'

/** Time stands still: nothing here may depend on it. Ms. */
const NOW = 1_000_000
const CONDUCTOR = { role: 'conductor', node: 'c' } as const
export const HOSTS = ['h1', 'h2'] as const

type Add = (who: string, what: string, next: State) => void

export function guestsModel(scenario: Scenario, bug: GuestBug | null = null): Model<State> {
  const definitions = actorsOf(bug)
  const works = new WeakMap<object, readonly Work[]>()

  const definitionOf = (kind: string): AnyActor => {
    const definition = definitions.get(kind)
    if (!definition) throw new Error(`the model has no actor ${kind}`)
    return definition
  }

  const stateOf = (state: State, key: string): object => state.actors[key] ?? definitionOf(parseAddress(key).kind).initial(parseAddress(key).id)

  function workOf(state: State, key: string): readonly Work[] {
    const actor = state.actors[key]
    if (!actor) return []
    const known = works.get(actor)
    if (known) return known
    const { kind, id } = parseAddress(key)
    const work = definitionOf(kind).work(actor, id)
    works.set(actor, work)
    return work
  }

  const waitsFor = (state: State, { from, key }: Pick<Call, 'from' | 'key'>): boolean => workOf(state, from).some(w => w.key === key)

  /** Decides a command and commits what follows: the state changes, and the calls it asks for are under way. */
  function tell(state: State, key: string, method: string, args: unknown): { state: State; reply: unknown; fault: Fault | null } {
    const { kind, id } = parseAddress(key)
    const definition = definitionOf(kind)
    const before = stateOf(state, key)
    const decision = definition.decide(before, { method, args }, { id, now: NOW, from: CONDUCTOR })
    if (!decision.ok) return { state, reply: null, fault: decision.fault }
    const after = decision.events.reduce((s: object, e: ActorEvent) => definition.evolve(s, e, NOW), before)
    const reply = decision.reply?.(after) ?? null
    if (decision.events.length === 0) return { state, reply, fault: null }
    const changed = { ...state, actors: { ...state.actors, [key]: after } }
    const asked = workOf(changed, key).filter(w => w.type === 'call')
    return { state: tidied({ ...changed, calls: [...changed.calls, ...asked.map(w => callOf(key, w))] }), reply, fault: null }
  }

  const callOf = (from: string, { key, to, method, args }: CallWork): Call => ({ from, key, to: addressKey(to), method, args })

  /** Lets go of answers nobody waits for, and of calls nobody waits for which can never do anything again. */
  function tidied(state: State): State {
    const answers = state.answers.filter(answer => waitsFor(state, answer))
    const unique = new Map(state.calls.map(call => [`${call.from} ${call.key}`, call]))
    const calls = [...unique.values()].filter(call => waitsFor(state, call) || !isSpent(state, call))
    return { ...state, answers, calls }
  }

  /** Ranks, marks, graves and ended operations do not come back; room that lacked may. */
  function isSpent(state: State, call: Call): boolean {
    const { kind, id } = parseAddress(call.to)
    if (kind === 'scheduler') return true
    if (kind === 'compute') {
      const { order } = call.args as AgentCommand
      const agent = state.agents[id]
      const { instance } = call.args as AgentCommand
      return bug !== 'any rank is obeyed' && order <= Math.max(agent?.guests[instance]?.begun ?? -1, agent?.graves[instance] ?? -1)
    }
    const { state: after, fault } = tellOnly(state, call)
    return after === state && fault?.code !== 'HostRefused' && fault?.code !== 'Unavailable'
  }

  const tellOnly = (state: State, call: Call): { state: State; fault: Fault | null } => {
    const { kind, id } = parseAddress(call.to)
    const decision = definitionOf(kind).decide(stateOf(state, call.to), { method: call.method, args: call.args }, { id, now: NOW, from: CONDUCTOR })
    return decision.ok ? { state: decision.events.length === 0 ? state : { ...state }, fault: null } : { state, fault: decision.fault }
  }

  /** What came of a call; faults of the way are the business of whoever sends it again. */
  function answered(state: State, { from, key }: Call, value: unknown, fault: Fault | null): State {
    if ((fault && isTransient(fault)) || !waitsFor(state, { from, key })) return state
    const result = fault ? { key, ok: false, fault } : { key, ok: true, value }
    const text = JSON.stringify([from, result])
    if (state.answers.some(a => JSON.stringify([a.from, a.result]) === text)) return state
    return { ...state, answers: [...state.answers, { from, key, result }] }
  }

  function arrival(state: State, call: Call, add: Add): void {
    const { kind, id } = parseAddress(call.to)
    if (kind === 'scheduler') picks(state, call, add)
    else if (kind === 'compute') commands(state, call, id, add)
    else obeys(state, call, add)
  }

  function obeys(state: State, call: Call, add: Add): void {
    const { state: next, reply, fault } = tell(state, call.to, call.method, call.args)
    add(call.to, `${call.method} from ${call.from}${fault ? `: ${fault.code}` : ''}`, answered(next, call, reply, fault))
  }

  function picks(state: State, call: Call, add: Add): void {
    const { avoid } = call.args as { avoid: readonly string[] }
    const left = HOSTS.filter(host => !avoid.includes(host))
    if (left.length === 0) add('scheduler', 'finds no host', answered(state, call, null, { code: 'NoValidHost', message: 'none is left' }))
    for (const hosts of new Set([left, left.toReversed()].map(h => h.join()).filter(h => h !== '')))
      add('scheduler', `picks ${hosts} for ${call.from}`, answered(state, call, { hosts: hosts.split(',') }, null))
  }

  function commands(state: State, call: Call, host: string, add: Add): void {
    const agent = state.agents[host]
    if (!agent?.power) return
    const command = call.args as AgentCommand
    for (const fails of state.faults > 0 ? [false, true] : [false]) {
      const { agent: next, fault } = obey(agent, call.method, command, { fails, anyOrder: bug === 'any rank is obeyed' })
      const after = { ...state, agents: { ...state.agents, [host]: next }, faults: state.faults - (fails ? 1 : 0) }
      if (fails && fault?.code !== 'DriverFault') continue
      const what = `${call.method} of ${command.instance}, rank ${command.order}${fault ? `: ${fault.code}` : ''}`
      add(`agent of ${host}`, what, tidied(answered(after, call, null, fault)))
    }
  }

  function timers(state: State, add: Add): void {
    if (state.timers === 0) return
    for (const key of Object.keys(state.actors)) {
      for (const work of workOf(state, key)) {
        if (work.type !== 'timer') continue
        const { state: next } = tell({ ...state, timers: state.timers - 1 }, key, '@timer', { key: work.key })
        add(key, `its timer ${work.key} fires`, next)
      }
    }
  }

  function hosts(state: State, add: Add): void {
    for (const host of HOSTS) {
      const agent = state.agents[host]
      const key = `host/${host}`
      if (!agent) continue
      const body = state.actors[key]
      const is = body && 'state' in body ? body.state : null
      if (state.agentCrashes > 0 && agent.power && Object.keys(agent.newest).length > 0)
        add(`agent of ${host}`, 'is killed and comes back', {
          ...state,
          agentCrashes: state.agentCrashes - 1,
          agents: { ...state.agents, [host]: restarted(agent) },
        })
      if (state.outages > 0 && is === 'up')
        add(key, 'is silent, and judged to be down', tell({ ...state, outages: state.outages - 1 }, key, 'observe', { state: 'down' }).state)
      if (is === 'down' && scenario.outages > 0) {
        const off = { ...state, agents: { ...state.agents, [host]: cutPower(agent) } }
        add('operator', `cuts the power of ${host} and says so`, tell(off, key, 'fence', {}).state)
      }
      if (is !== 'up' && is !== null) {
        const on = { ...state, agents: { ...state.agents, [host]: { ...agent, power: true } } }
        add(`agent of ${host}`, 'is heard again', tell(on, key, 'register', REGISTERED).state)
      }
      if (agent.power) reports(state, host, add)
    }
    for (const [i, report] of state.reports.entries()) judge({ ...state, reports: state.reports.filter((_, other) => other !== i) }, report, add)
  }

  function reports(state: State, host: string, add: Add): void {
    if (state.audits === 0) return
    for (const [instance, guest] of Object.entries(state.agents[host]?.guests ?? {})) {
      const report = { host, instance, power: guest.running ? ('running' as const) : ('shutdown' as const), order: guest.begun }
      const next = { ...state, audits: state.audits - 1, reports: [...state.reports, report] }
      add(`agent of ${host}`, `reports guest ${instance}: ${report.power}, rank ${report.order}`, next)
    }
  }

  /** A report that may be of long ago reaches the owner; what it gave up is destroyed. */
  function judge(state: State, report: State['reports'][number], add: Add): void {
    const key = `instance/${report.instance}`
    const { host, power, order } = report
    const told = tell(state, key, 'guestSeen', { host, power, order })
    const answer = told.reply as { known: boolean; keep: boolean; order?: number }
    const owner = state.actors[key]
    const elsewhere = owner && isInstance(owner) && owner.host !== host
    if (bug === 'destroyed without asking the owner' && elsewhere) answer.keep = false
    const rank = answer.order ?? 2 ** 40
    const destroy: Call = {
      from: `monitor/${host}`,
      key: `destroy:${rank}`,
      to: `compute/${host}`,
      method: 'destroy',
      args: { instance: report.instance, order: rank },
    }
    const calls = answer.known && !answer.keep ? [...told.state.calls, destroy] : told.state.calls
    add(key, `answers about its guest on ${host}: ${answer.keep ? 'leave it' : 'destroy it'}`, tidied({ ...told.state, calls }))
  }

  function clients(state: State, add: Add): void {
    for (const [i, request] of state.requests.entries()) {
      const rest = { ...state, requests: state.requests.filter((_, other) => other !== i) }
      const { state: next, fault } = tell(rest, addressKey(request.to), request.method, { ...request.args, requestId: nameOf(request) })
      if (!fault) add('client', nameOf(request), next)
      if (request.method === 'create') break
    }
  }

  function steps(state: State): Step<State>[] {
    const found: Step<State>[] = []
    const add: Add = (who, what, next) => void (next !== state && found.push({ who, what, next }))
    for (const call of state.calls) arrival(state, call, add)
    for (const [i, answer] of state.answers.entries()) {
      const rest = { ...state, answers: state.answers.filter((_, other) => other !== i) }
      add(answer.from, `hears of ${answer.key}: ${answer.result.fault?.code ?? 'done'}`, tell(rest, answer.from, '@result', answer.result).state)
    }
    timers(state, add)
    hosts(state, add)
    clients(state, add)
    return found
  }

  const started = HOSTS.reduce((state, host) => tell(state, `host/${host}`, 'register', REGISTERED).state, empty(scenario))
  const model = { name: `guests: ${scenario.name}`, steps, key: keyOf, violated }
  if (!scenario.built) return { ...model, initial: started }
  const built = settled({ ...started, requests: [CREATE], timers: 0, faults: 0, outages: 0, agentCrashes: 0, audits: 0 }, steps)
  const { requests, timers: timersLeft, faults, outages, agentCrashes, audits } = empty(scenario)
  return { ...model, initial: { ...built, requests, timers: timersLeft, faults, outages, agentCrashes, audits } }
}

const REGISTERED = { driver: 'model', pid: 1, version: '0', vcpus: 1, ramMb: 64, diskGb: 1 }

/** The first step there is, until there is none: one instance is built, on the first host. */
function settled(state: State, steps: (state: State) => readonly Step<State>[]): State {
  for (let now = state; ; ) {
    const next = steps(now).find(step => keyOf(step.next) !== keyOf(now))
    if (!next) return now
    now = next.next
  }
}

const SPEC = {
  name: 'vm',
  project: 'p',
  flavor: { id: 'tiny', name: 'tiny', vcpus: 1, ramMb: 64, diskGb: 1 },
  image: 'img',
  metadata: {},
  reservation: 'r',
}

const instance = (id: string): Address => ({ kind: 'instance', id })
export const CREATE: Request = { to: instance('i1'), method: 'create', args: SPEC }
export const CREATE_ANOTHER: Request = { to: instance('i2'), method: 'create', args: SPEC }
export const act = (action: string): Request => ({ to: instance('i1'), method: 'act', args: { action } })
export const DELETE: Request = { to: instance('i1'), method: 'delete', args: {} }

const nameOf = ({ to, method, args }: Request): string => `asks to ${String(args.action ?? method)} ${to.id}`

const empty = (scenario: Scenario): State => ({
  actors: {},
  agents: Object.fromEntries(HOSTS.map(host => [host, NEW_AGENT])),
  calls: [],
  answers: [],
  reports: [],
  requests: scenario.requests,
  timers: scenario.timers,
  faults: scenario.faults,
  outages: scenario.outages,
  agentCrashes: scenario.agentCrashes,
  audits: scenario.audits,
})
