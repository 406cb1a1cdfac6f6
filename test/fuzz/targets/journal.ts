/**
 * What the journal may hold of an actor, from an older version or damaged: a snapshot and events. A conductor adopts it and sends it
 * commands. Whatever it is, every command is answered, with a refusal of ours if need be, and the conductor goes on: another actor
 * beside it works as before.
 */
import { diskActor } from '../../../actors/disk/disk.ts'
import { flavorActor } from '../../../actors/flavor/flavor.ts'
import { hostActor } from '../../../actors/host/host.ts'
import { imageActor } from '../../../actors/image/image.ts'
import { instanceActor } from '../../../actors/instance/instance.ts'
import { address } from '../../../actors/kernel/address.ts'
import { type AnyActor, applyCommand, type Json } from '../../../actors/kernel/define.ts'
import { BatonError } from '../../../actors/kernel/errors.ts'
import type { Journal, Loaded } from '../../../actors/kernel/ports.ts'
import { catalogue } from '../../../actors/operation/catalogue/index.ts'
import { operationActor } from '../../../actors/operation/operation.ts'
import { encodeAppend } from '../../../persistence/encode.ts'
import { createActorHost } from '../../../supervisors/hosting/actor-host.ts'
import { createActorSystem } from '../../../supervisors/hosting/actor-system.ts'
import { manualEnv } from '../env.ts'
import { mutateJson } from '../mutate.ts'
import { Finding, field, isRecord, listOf, type Target, textOf } from '../target.ts'

const ACTORS: ReadonlyMap<string, AnyActor> = new Map(
  [instanceActor, operationActor(catalogue()), hostActor({ vcpu: 4, ram: 1, disk: 1 }), flavorActor, diskActor, imageActor()].map(
    (actor: AnyActor) => [actor.kind, actor],
  ),
)
const CONDUCTOR = { role: 'conductor', node: 'c1' } as const
const ID = 'i1.1'
const NOW = 1_700_000_000_000
const FLAVOR = { id: 'tiny', name: 'tiny', vcpus: 1, ramMb: 64, diskGb: 1 }
const SPEC = { name: 'vm', project: 'p', flavor: FLAVOR, image: 'img', metadata: {}, reservation: 'r' }
const ARGS = { spec: SPEC, host: 'h1', claim: 'i1.0', mode: null }
const START = (kind: string, args: Json = ARGS): Json => ({ method: 'start', args: { kind, subject: 'i1', requestId: 'r', args } })

/** Stories from which the events of the seeds are made. */
const STORIES: readonly (readonly [kind: string, commands: readonly Json[]])[] = [
  [
    'instance',
    [
      { method: 'create', args: { ...SPEC, requestId: 'r' } },
      { method: 'ended', args: { operation: `${ID}.1`, outcome: 'done', host: 'h1', claim: 'c', fault: null } },
      { method: 'act', args: { action: 'reboot', mode: 'soft', requestId: 'q' } },
      { method: 'delete', args: { requestId: 'd', reclaimMs: 5 } },
    ],
  ],
  [
    'operation',
    [START('build', { ...ARGS, host: null, claim: null }), { method: '@result', args: { key: 'doing:1', ok: true, value: { hosts: ['h1'] } } }],
  ],
  ['operation', [START('delete'), { method: '@timer', args: { key: 'forward' } }]],
  ['operation', [START('migrate'), { method: 'cancel', args: {} }]],
  [
    'host',
    [
      { method: 'register', args: { driver: 'fake', pid: 1, version: '0', vcpus: 8, ramMb: 8192, diskGb: 100 } },
      { method: 'claim', args: { claim: 'i1.1', order: 1, instance: 'i1', vcpus: 1, ramMb: 64, diskGb: 1 } },
      { method: 'release', args: { claim: 'i1.1', order: 2 } },
    ],
  ],
  [
    'disk',
    [
      { method: 'attach', args: { operation: 'i1.2', order: 2, instance: 'i1', host: 'h1', sizeGb: 1 } },
      { method: 'release', args: { instance: 'i1', order: 3 } },
    ],
  ],
  [
    'image',
    [
      {
        method: 'create',
        args: { name: 'snap', driver: 'fake', project: 'p', properties: { a: 'b' }, instance: 'i1', operation: 'i1.2', host: 'h1' },
      },
      { method: 'activate', args: { operation: 'i1.2', sizeBytes: 5 } },
    ],
  ],
  ['flavor', [{ method: 'create', args: { ...FLAVOR } }]],
]

/** Plays a story and writes down what the journal would hold, with or without a snapshot. */
function recorded(kind: string, commands: readonly Json[], snapshot: boolean): Json {
  const actor = ACTORS.get(kind)
  if (!actor) throw new Error(`no actor is called ${kind}`)
  let state: unknown = actor.initial(ID)
  const events: Json[] = []
  for (const command of commands) {
    const done = applyCommand(
      actor,
      state,
      { method: textOf(field(command, 'method')), args: field(command, 'args') },
      { id: ID, now: NOW, from: CONDUCTOR },
    )
    state = done.state
    for (const event of done.events)
      events.push({ seq: events.length + 1, type: event.type, version: 1, data: JSON.parse(JSON.stringify(event)), at: NOW })
  }
  const json: Json = JSON.parse(JSON.stringify(state))
  return {
    kind,
    snapshot: snapshot ? { seq: events.length, version: 1, state: json } : null,
    events: snapshot ? [] : events,
    commands: [...commands],
  }
}

export function journalTarget(): Target {
  return {
    name: 'journal',
    seeds: STORIES.flatMap(([kind, commands]) => [recorded(kind, commands, false), recorded(kind, commands, true)]),
    mutate(input, random): Json {
      if (!isRecord(input)) return recorded('flavor', [], false)
      const part = random.pick(['snapshot', 'events', 'events', 'snapshot', 'commands'])
      return { ...input, [part]: mutateJson(input[part] ?? null, random) }
    },
    run: serve,
  }
}

async function serve(input: Json): Promise<void> {
  const kind = textOf(field(input, 'kind'))
  if (!ACTORS.has(kind)) return
  const env = manualEnv()
  const system = createActorSystem('fuzz')
  const damaged = loadedOf(kind, input)
  const poisoned: string[] = []
  const journal: Journal = {
    append: async entry => void encodeAppend(entry),
    confirm: async () => {},
    load: async actors => actors.map(actor => (actor.kind === kind && actor.id === ID ? damaged : { actor, snapshot: null, events: [] })),
    awake: async () => [address(kind, ID)],
  }
  const host = createActorHost({
    env,
    system,
    journal,
    definitions: ACTORS,
    now: () => NOW,
    self: CONDUCTOR,
    call: () => Promise.reject(new BatonError('Conflict', 'nobody is there')),
    limits: { inbox: 100, total: 100, idleMs: 1000, snapshotEvery: 2 },
    restart: { limit: 2, periodMs: 60_000, backoffBaseMs: 10, backoffCapMs: 20 },
    onFenced() {},
    onPoisoned: (_, reason) => void poisoned.push(reason),
  })
  try {
    await host.adopt(Array.from({ length: 256 }, (_, shard) => shard))
    const asked = [...listOf(field(input, 'commands')), { method: 'get', args: {} }]
    for (const command of asked)
      await answered(env, host.deliver(address(kind, ID), { method: textOf(field(command, 'method')), args: field(command, 'args') }, CONDUCTOR))
    const bystander = await answered(
      env,
      host.deliver(address('flavor', 'another'), { method: 'create', args: { ...FLAVOR, id: 'another' } }, CONDUCTOR),
    )
    if (bystander !== null) throw new Finding(`an actor beside the damaged one answers ${bystander}`)
    if (poisoned.includes('')) throw new Finding('an actor was set aside without a reason')
  } finally {
    host.stop()
    system.stop()
  }
}

/** The code of the refusal, or null; lets time pass until there is an answer. */
async function answered(env: ReturnType<typeof manualEnv>, answer: Promise<unknown>): Promise<string | null> {
  const open: { code: string | null | undefined } = { code: undefined }
  answer.then(
    () => {
      open.code = null
    },
    (error: unknown) => {
      open.code = error instanceof BatonError ? error.code : `not one of ours: ${error}`
    },
  )
  for (let i = 0; i < 200; i++) {
    await new Promise<void>(resolve => setImmediate(resolve))
    if (open.code !== undefined) break
    env.elapse(10)
  }
  if (open.code === undefined) throw new Finding('a command was never answered')
  if (open.code?.startsWith('not')) throw new Finding(open.code)
  return open.code
}

/** What PostgreSQL gives back has the columns' types; only what is within them may be anything. */
function loadedOf(kind: string, input: Json): Loaded {
  const snapshot = field(input, 'snapshot')
  const whole = (value: Json, otherwise: number): number => (typeof value === 'number' && Number.isSafeInteger(value) ? value : otherwise)
  return {
    actor: address(kind, ID),
    snapshot: isRecord(snapshot)
      ? { seq: whole(field(snapshot, 'seq'), 1), version: whole(field(snapshot, 'version'), 1), state: field(snapshot, 'state') }
      : null,
    events: listOf(field(input, 'events')).map((event, i) => ({
      seq: whole(field(event, 'seq'), i + 1),
      type: textOf(field(event, 'type')),
      version: whole(field(event, 'version'), 1),
      data: field(event, 'data'),
      at: whole(field(event, 'at'), NOW),
    })),
  }
}
