/**
 * What a node that has said hello may ask of a conductor: calls and casts of any method with any arguments, from every role. A real
 * conductor, on the database in memory. Whatever comes, it says only what can be decoded, no
 * request meets a defect or sets an actor aside, and afterwards it still answers a gateway.
 */
import { FAKE_IMAGE } from '../../../actors/hypervisor/drivers/images.ts'
import type { Json } from '../../../actors/kernel/define.ts'
import { createMemoryDatabase } from '../../../persistence/memory.ts'
import { type Conductor, startConductor } from '../../../supervisors/conductor.ts'
import type { Link, Peer } from '../../../transport/link.ts'
import { decode, type Envelope, encode } from '../../../transport/protocol.ts'
import { SIM_SETTINGS } from '../../sim/settings.ts'
import { type ManualEnv, manualEnv } from '../env.ts'
import { mutateJson } from '../mutate.ts'
import { Finding, field, isRecord, listOf, type Target, textOf } from '../target.ts'

/** Inputs for one conductor: then another, or it would gather actors. */
const INPUTS_PER_CONDUCTOR = 100
const ROLES = ['compute', 'gateway', 'client', 'conductor'] as const
const NOW = 1_700_000_000_000
const FLAVOR = { id: 'tiny', name: 'tiny', vcpus: 1, ramMb: 64, diskGb: 1 }
const INFO = { driver: 'fake', pid: 1, version: '0', vcpus: 8, ramMb: 8192, diskGb: 100 }
const CREATE = { name: 'vm', project: 'p', flavor: 'tiny', image: 'fake', metadata: {}, reservation: 'r', ids: ['a1'], requestId: 'q' }

const say = (role: string, t: 'call' | 'cast', to: string, m: string, a: Json): Json => ({ role, t, to, m, a })
const API: readonly (readonly [string, Json])[] = [
  ['createFlavor', FLAVOR],
  ['createInstances', CREATE],
  ['getInstance', { id: 'a1' }],
  ['listInstances', { limit: 2, marker: 'a1' }],
  ['actOnInstance', { id: 'a1', action: 'reboot', mode: 'soft', requestId: 'q2' }],
  ['updateInstance', { id: 'a1', name: 'x', tags: ['t'], setMetadata: { a: 'b' } }],
  ['deleteInstance', { id: 'a1', requestId: 'q3' }],
  ['listOperations', { subject: 'a1', open: true }],
  ['listHosts', {}],
  ['setHostEnabled', { id: 'h1', enabled: false, reason: 'x' }],
  ['listNodes', {}],
  ['status', {}],
  ['consoleLog', { id: 'a1', lines: 3 }],
]
const PING = { incarnation: 2, suspects: [1] }
const SUMMARY = { id: 'h1', state: 'up', enabled: true, ...INFO, vcpusUsed: 0, ramMbUsed: 0, diskGbUsed: 0, load: {} }
const BEAT = { seq: 1, bootId: 'b', info: INFO, load: { cpu: 0.1 }, guests: [{ instance: 'a1', power: 'running', order: 1000003 }] }
const ACTORS: readonly (readonly [string, string, Json])[] = [
  ['instance/a1', 'guestSeen', { host: 'h1', power: 'running', order: 3 }],
  ['instance/a1', 'ended', { operation: 'a1.1', outcome: 'done', host: 'h1', claim: 'a1.1', fault: null }],
  ['operation/a1.1', 'cancel', {}],
  ['operation/b1.1', 'start', { kind: 'delete', subject: 'b1', requestId: 'q', args: { spec: {}, host: 'h1', claim: 'c', mode: null } }],
  ['host/h1', 'register', INFO],
  ['host/h1', 'claim', { claim: 'a1.1', order: 1, instance: 'a1', vcpus: 1, ramMb: 1, diskGb: 1 }],
  ['scheduler/local', 'pick', { vcpus: 1, ramMb: 64, diskGb: 1, image: 'fake', avoid: [] }],
]

/** An operator may send a conductor away; then it does not answer any more, and should not. */
const isFarewell = (method: Json): boolean => method === 'drain' || method === 'drainNode'

export function nodeTarget(): Target {
  let host: Hosted | null = null
  let inputs = 0
  return {
    name: 'node',
    seeds: [
      ...API.map(([m, a]) => [say('gateway', 'call', 'api/any', m, a)]),
      [
        say('gateway', 'call', 'api/any', 'createFlavor', FLAVOR),
        say('compute', 'call', 'monitor/h1', 'beat', BEAT),
        say('gateway', 'call', 'api/any', 'createInstances', CREATE),
      ],
      ...ACTORS.map(([to, m, a]) => [say('conductor', 'call', to, m, a)]),
      [say('conductor', 'cast', 'node/c1', 'ping', PING), say('conductor', 'cast', 'node/c1', 'summaries', [SUMMARY])],
      [say('gateway', 'cast', 'node/c1', 'mapNewer', { version: 0 }), say('conductor', 'cast', 'node/c1', 'membershipChanged', { dead: 1 })],
    ],
    mutate(input, random): Json {
      const messages = listOf(input)
      const at = random.int(0, Math.max(0, messages.length - 1))
      const message = messages[at] ?? say('client', 'call', 'api/any', 'status', {})
      if (messages.length === 0 || (messages.length < 5 && random.chance(0.1))) return [...messages, message]
      if (!isRecord(message) || random.chance(0.1)) return messages.with(at, mutateJson(message, random))
      if (random.chance(0.15)) return messages.with(at, { ...message, role: random.pick(ROLES) })
      return messages.with(at, { ...message, a: mutateJson(field(message, 'a'), random) })
    },
    async run(input) {
      if (host === null || inputs++ % INPUTS_PER_CONDUCTOR === 0) {
        await host?.conductor.stop()
        host = await start()
      }
      const { env, hear, said } = host
      for (const message of listOf(input).slice(0, 10)) {
        if (isFarewell(field(message, 'm'))) continue
        const peer = textOf(field(message, 'role'))
        hear(peer, hello(peer, env))
        hear(peer, envelopeOf(message, env))
        await pass(env, 5)
      }
      const name = `check:${inputs}`
      hear('gateway', hello('gateway', env))
      hear('gateway', { t: 'call', id: name, to: 'api/any', m: 'listFlavors', a: {}, ttl: 10_000, at: env.monotonicMs(), n: 1 })
      await pass(env, 40)
      const answers = said.splice(0).map(decode)
      const defect = answers.find(e => e.t === 'no' && (e.f.code === 'Internal' || e.f.code === 'Poisoned'))
      if (defect) {
        host = null
        throw new Finding(`a request met a defect: ${JSON.stringify(defect.t === 'no' ? defect.f : null)}`)
      }
      if (!answers.some(e => e.t === 'ok' && e.id === name)) {
        host = null
        throw new Finding(`a gateway gets no answer any more: ${JSON.stringify(answers.find(e => (e.t === 'no' || e.t === 'ok') && e.id === name))}`)
      }
    },
    close: async () => void (await host?.conductor.stop()),
  }
}

interface Hosted {
  readonly conductor: Conductor
  readonly env: ManualEnv
  readonly said: Uint8Array[]
  hear(peer: Peer, envelope: Envelope): void
}

async function start(): Promise<Hosted> {
  const env = manualEnv()
  const said: Uint8Array[] = []
  let handler: (peer: Peer, message: Uint8Array) => void = () => {}
  const link: Link = {
    listen: async endpoint => endpoint,
    dial: endpoint => `to ${endpoint}`,
    hangUp() {},
    send(_, message) {
      said.push(message)
      return 'sent'
    },
    onMessage: given => {
      handler = given
    },
    stats: () => ({ messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, droppedFull: 0, droppedUnknown: 0, malformed: 0, queued: 0 }),
    close: async () => {},
  }
  const database = createMemoryDatabase({ now: () => NOW + Math.floor(env.monotonicMs()), delay: fn => fn() })
  const conductor = await startConductor({
    env,
    nodeId: 'c1',
    endpoint: 'sim://c1',
    host: 'c1',
    pid: 1,
    version: 'fuzz',
    engine: 'fuzz',
    machine: () => ({ boot: 'c1', uptimeMs: env.monotonicMs() }),
    link,
    membership: database.membership,
    views: database.views,
    images: [FAKE_IMAGE],
    settings: SIM_SETTINGS,
    journal: incarnation =>
      Object.assign(database.journal(incarnation), { stats: () => ({ queued: 0, oldestMs: 0, commits: 0, commitSumMs: 0, connected: true }) }),
    onFenced() {},
  })
  await pass(env, 20)
  return { conductor, env, said, hear: (peer, envelope) => handler(peer, encode(envelope)) }
}

/** Lets promises and mailboxes run, and a little time pass. */
async function pass(env: ManualEnv, turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) {
    await new Promise<void>(resolve => setImmediate(resolve))
    env.elapse(5)
  }
}

const roleOf = (peer: string) => ROLES.find(role => role === peer) ?? 'client'

const hello = (peer: string, env: ManualEnv): Envelope => ({
  t: 'hello',
  vs: [1, 1],
  id: { node: peer === 'compute' ? 'h1' : `n-${roleOf(peer)}`, inc: 9, role: roleOf(peer), pid: 1, ver: '0', eng: '0' },
  at: env.monotonicMs(),
})

let counter = 0

function envelopeOf(message: Json, env: ManualEnv): Envelope {
  const common = {
    to: textOf(field(message, 'to')).slice(0, 256) || 'api/any',
    m: textOf(field(message, 'm')).slice(0, 64) || 'get',
    a: field(message, 'a'),
  }
  const times = { ttl: 1000, at: env.monotonicMs() }
  return field(message, 't') === 'cast' ? { t: 'cast', ...common, ...times } : { t: 'call', id: `f:${counter++}`, ...common, ...times, n: 1 }
}
