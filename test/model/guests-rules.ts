/** What must hold in every state of the model of guests, and which states are the same. */
import type { InstanceState } from '../../actors/instance/model.ts'
import { type BucketMap, entries } from '../../actors/kernel/bucket-map.ts'
import type { OperationState } from '../../actors/operation/progress.ts'
import type { State } from './guests-state.ts'

/** What is written down for people and steers nothing, and what never changes, stay out of the key. */
const FOR_PEOPLE: ReadonlySet<string> = new Set(['steps', 'message', 'last', 'spec', 'asked', 'requestId'])

const texts = new WeakMap<object, string>()

function textOf(value: object): string {
  const known = texts.get(value)
  if (known !== undefined) return known
  const text = JSON.stringify(value, (name, part) => (FOR_PEOPLE.has(name) ? undefined : part))
  texts.set(value, text)
  return text
}

export function keyOf(state: State): string {
  const actors = Object.keys(state.actors)
    .sort()
    .map(key => `${key}=${textOf(state.actors[key] ?? {})}`)
  const calls = state.calls.map(textOf).sort()
  const answers = state.answers.map(textOf).sort()
  const { requests, timers, faults, outages, agentCrashes, audits } = state
  const asked = requests.map(r => `${r.to.id} ${r.method} ${String(r.args.action)}`)
  const agents = Object.values(state.agents).map(textOf)
  return [
    ...actors,
    '|',
    ...calls,
    '|',
    ...answers,
    '|',
    ...agents,
    '|',
    ...state.reports.map(textOf).sort(),
    ...asked,
    timers,
    faults,
    outages,
    agentCrashes,
    audits,
  ].join('\n')
}

export const isInstance = (actor: object): actor is InstanceState => 'vmState' in actor
const isOperation = (actor: object): actor is OperationState => 'phase' in actor

interface HostParts {
  readonly claims: BucketMap<{ readonly instance: string; readonly vcpus: number }>
  readonly used: { readonly vcpus: number }
}
const isHost = (actor: object): actor is HostParts => 'claims' in actor && 'used' in actor

/** The first rule that is broken, in words, or null. */
export function violated(state: State): string | null {
  const instances = Object.entries(state.actors).flatMap(([key, actor]) =>
    isInstance(actor) ? [[key.slice('instance/'.length), actor] as const] : [],
  )
  for (const [id, actor] of instances) {
    const wrong = twice(state, id) ?? lost(state, id, actor) ?? homeless(state, id, actor)
    if (wrong !== null) return wrong
  }
  for (const [key, actor] of Object.entries(state.actors)) {
    const wrong = isHost(actor) ? room(state, key, actor) : null
    if (wrong !== null) return wrong
  }
  return null
}

const runsOn = (state: State, id: string): string[] =>
  Object.entries(state.agents).flatMap(([host, agent]) => (agent.guests[id]?.running ? [host] : []))

function twice(state: State, id: string): string | null {
  const hosts = runsOn(state, id)
  return hosts.length > 1 ? `${id} runs on ${hosts.join(' and ')}` : null
}

/** Nobody may take from an instance what it has while nothing is done to it. */
function lost(state: State, id: string, { vmState, task, host }: InstanceState): string | null {
  if (task || host === null || vmState !== 'active') return null
  return state.agents[host]?.guests[id] ? null : `${id} is active on ${host}, but its guest was destroyed there`
}

const claimsOf = (state: State, host: string) => {
  const actor = state.actors[`host/${host}`]
  return actor && isHost(actor) ? entries(actor.claims) : []
}

/** What a delete or an evacuation has left behind on a host that did not answer runs on without room until it is found; all else has room. */
function homeless(state: State, id: string, instance: InstanceState): string | null {
  if (instance.vmState === 'deleted') return null
  for (const host of runsOn(state, id)) {
    const leaving = instance.task && instance.task.kind !== 'build' && instance.host !== host
    const going = instance.task?.kind === 'delete' || instance.next
    if (leaving || going || claimsOf(state, host).some(([, claim]) => claim.instance === id)) continue
    return `${id} runs on ${host}, where no room is held for it`
  }
  return null
}

function room(state: State, key: string, host: HostParts): string | null {
  const claims = entries(host.claims)
  const sum = claims.reduce((total, [, claim]) => total + claim.vcpus, 0)
  if (sum !== host.used.vcpus) return `${key} counts ${host.used.vcpus} used, but ${sum} are claimed`
  if (sum > 1) return `${key} has promised ${sum} of 1`
  for (const [claim, { instance }] of claims) {
    const operation = state.actors[`operation/${claim}`]
    const owner = state.actors[`instance/${instance}`]
    const open = operation && isOperation(operation) && operation.phase !== 'ended'
    const held = owner && isInstance(owner) && (owner.claim === claim || owner.origin?.claim === claim)
    if (!open && !held) return `${key} holds claim ${claim} for nobody`
  }
  return null
}
