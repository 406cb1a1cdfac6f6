/** POST /servers/:id/action: a body with one key, the action. */
import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type Static, Type } from 'typebox'
import {
  type AboutChange,
  type ActOnInstance,
  type ClusterApi,
  type InstanceAction,
  type InstanceBody,
  MAX_ROTATION,
  type SnapshotRequest,
} from '../../../actors/api.ts'
import { COMPUTE, type HttpContext, IMAGE, USER } from '../context.ts'
import { checkImage } from '../policy/references.ts'
import { has, since } from '../requests/changes.ts'
import { badRequest, printable } from '../requests/errors.ts'
import { beginning, checkFlavor, instanceId, originOf, plainId } from '../requests/request.ts'
import { ACCESS_FIELDS, AdminPass, Description, Hostname, Id, type IdParams, integer, Metadata, Name } from '../requests/schemas.ts'
import { serverRebuilt } from '../views/server.ts'
import { actOnGuest, GUEST_ACTIONS } from './guest-actions.ts'
import { checkItems } from './metadata.ts'
import { USER_DATA, UserData, unknownReference } from './server-create.ts'
import { changeOf } from './server-details.ts'
import { sightOf } from './servers.ts'

const RebootType = Type.String({ pattern: '^(SOFT|Soft|soft|HARD|Hard|hard)$', description: "it must be 'SOFT' or 'HARD'" })

const Lines = Type.Union([Type.Integer({ minimum: -1, maximum: 2 ** 31 - 1 }), Type.String({ pattern: '^(-1|[0-9]{1,9})$' }), Type.Null()], {
  description: 'it must be a number of lines, or -1 for all',
})

const Rotation = Type.Union([integer(0, MAX_ROTATION, ''), Type.String({ pattern: '^([0-9]{1,3}|1000)$' })], {
  description: `it must be a whole number from 0 to ${MAX_ROTATION}: so many backups of this type are kept`,
})

const nothing = Type.Optional(Type.Unknown())
const only = { additionalProperties: false } as const
const Host = Type.Optional(Type.Union([Id, Type.Null()], { description: 'it must be the name of a compute host' }))
const Block = Type.Union([Type.Boolean(), Type.Literal('auto')], { description: "it must be true, false or, from 2.25 on, 'auto'" })
const Reason = Type.String({ minLength: 1, maxLength: 255, description: 'it must be a text of 1 to 255 characters' })

const Rebuild = Type.Object(
  {
    imageRef: Id,
    adminPass: AdminPass,
    name: Type.Optional(Name),
    metadata: Type.Optional(Metadata),
    description: Type.Optional(since('server.description', Description)),
    hostname: Type.Optional(since('server.hostname', Hostname)),
    key_name: Type.Optional(since('rebuild.key', Type.Union([Name, Type.Null()]))),
    user_data: Type.Optional(since('personality.gone', Type.Union([UserData, Type.Null()], { description: USER_DATA }))),
    preserve_ephemeral: Type.Optional(Type.Boolean({ description: 'it must be true or false' })),
    ...ACCESS_FIELDS,
  },
  only,
)

export const ServerAction = Type.Object(
  {
    'os-start': nothing,
    'os-stop': nothing,
    pause: nothing,
    unpause: nothing,
    suspend: nothing,
    resume: nothing,
    unrescue: nothing,
    confirmResize: nothing,
    revertResize: nothing,
    shelve: nothing,
    shelveOffload: nothing,
    restore: nothing,
    forceDelete: nothing,
    unlock: nothing,
    reboot: Type.Optional(Type.Object({ type: RebootType }, only)),
    rescue: Type.Optional(Type.Union([Type.Object({ rescue_image_ref: Type.Optional(Id), adminPass: AdminPass }, only), Type.Null()])),
    rebuild: Type.Optional(Rebuild),
    resize: Type.Optional(Type.Object({ flavorRef: Id, 'OS-DCF:diskConfig': ACCESS_FIELDS['OS-DCF:diskConfig'] }, only)),
    migrate: Type.Optional(Type.Union([Type.Object({ host: Host }, only), Type.Null()])),
    evacuate: Type.Optional(
      Type.Object({ host: Host, onSharedStorage: Type.Optional(Type.Unknown()), adminPass: AdminPass, force: Type.Optional(Type.Boolean()) }, only),
    ),
    'os-migrateLive': Type.Optional(
      Type.Object(
        { host: Host, block_migration: Block, disk_over_commit: Type.Optional(Type.Boolean()), force: Type.Optional(Type.Boolean()) },
        only,
      ),
    ),
    unshelve: Type.Optional(Type.Union([Type.Object({ host: Host }, only), Type.Null()])),
    lock: Type.Optional(Type.Union([Type.Object({ locked_reason: Type.Optional(Reason) }, only), Type.Null()])),
    changePassword: Type.Optional(Type.Object({ adminPass: Reason }, only)),
    'os-resetState': Type.Optional(
      Type.Object({ state: Type.Union([Type.Literal('active'), Type.Literal('error')], { description: "it must be 'active' or 'error'" }) }, only),
    ),
    createImage: Type.Optional(Type.Object({ name: Name, metadata: Type.Optional(Metadata) }, only)),
    createBackup: Type.Optional(Type.Object({ name: Name, backup_type: Name, rotation: Rotation, metadata: Type.Optional(Metadata) }, only)),
    'os-getConsoleOutput': Type.Optional(Type.Object({ length: Type.Optional(Lines) }, only)),
    ...GUEST_ACTIONS,
  },
  { minProperties: 1, maxProperties: 1 },
)
export type ServerAction = Static<typeof ServerAction>

/** Actions that start an operation and answer 202 with nothing. */
const OPERATIONS: ReadonlyMap<string, InstanceAction> = new Map<string, InstanceAction>([
  ['os-start', 'start'],
  ['os-stop', 'stop'],
  ['confirmResize', 'confirm-resize'],
  ['revertResize', 'revert-resize'],
  ['shelveOffload', 'shelve-offload'],
  ['os-migrateLive', 'live-migrate'],
  ...(['pause', 'unpause', 'suspend', 'resume', 'rescue', 'unrescue', 'reboot', 'rebuild', 'resize'] as const).map(same),
  ...(['migrate', 'evacuate', 'shelve', 'unshelve', 'restore'] as const).map(same),
])

function same(action: InstanceAction): [string, InstanceAction] {
  return [action, action]
}

/** A rebuild and a resize may change what is said of the server, too: then, not before they are taken. Resolves null when nothing is changed. */
async function changeWith(api: ClusterApi, id: string, { rebuild, resize }: ServerAction, requestId: string): Promise<InstanceBody | null> {
  const { metadata, name } = rebuild ?? {}
  // What else a rebuild says goes with it, to the guest.
  const change = {
    ...(resize ? changeOf(resize) : {}),
    ...(name === undefined ? {} : { name }),
    ...(metadata === undefined ? {} : { metadata }),
  }
  return Object.keys(change).length === 0 ? null : api.updateInstance({ id, requestId, ...change })
}

/** What a rebuild says anew of the server and gives to its guest. Rejects 400 when its owner has no such key pair. */
async function aboutRebuild(api: ClusterApi, id: string, { rebuild }: ServerAction): Promise<{ about?: AboutChange }> {
  const { key_name: key, user_data: userData } = rebuild ?? {}
  const user = key ? ((await api.getInstance({ id })).user ?? USER) : USER
  const pair = key ? await api.getKeyPair({ user, name: key }).catch(unknownReference) : null
  const about: AboutChange = {
    ...changeOf(rebuild ?? {}).about,
    ...(key === undefined ? {} : { keyPair: pair && { name: pair.name, type: pair.type, publicKey: pair.publicKey } }),
    ...(userData === undefined ? {} : { userData: userData || null }),
  }
  return Object.keys(about).length === 0 ? {} : { about }
}

/** What an action says beside its name. */
function detailsOf(body: ServerAction): Omit<ActOnInstance, 'id' | 'action' | 'requestId'> {
  const image = body.rebuild?.imageRef ?? body.rescue?.rescue_image_ref
  const host = body.migrate?.host ?? body.evacuate?.host ?? body.unshelve?.host ?? body['os-migrateLive']?.host
  return {
    ...(body.reboot ? { mode: body.reboot.type.toUpperCase() === 'HARD' ? 'hard' : 'soft' } : {}),
    ...(image === undefined ? {} : { image }),
    ...(body.resize ? { flavor: body.resize.flavorRef } : {}),
    ...(host === undefined || host === null ? {} : { host }),
    ...(body['os-migrateLive'] ? { blockMigration: body['os-migrateLive'].block_migration } : {}),
  }
}

/** The image a createImage or createBackup makes, null for other actions. */
function imageAsked({ createImage, createBackup }: ServerAction): SnapshotRequest | null {
  const asked = createImage ?? createBackup
  if (!asked) return null
  const backup = createBackup ? { backupType: createBackup.backup_type, rotation: Number(createBackup.rotation) } : {}
  return { image: randomUUID(), name: asked.name, properties: asked.metadata ?? {}, ...backup }
}

/** Actions that are over when they are answered. Resolves to false when the body asks for none of them. */
async function actAtOnce(api: ClusterApi, id: string, body: ServerAction): Promise<boolean> {
  if ('lock' in body) await api.lockInstance({ id, ...(body.lock?.locked_reason === undefined ? {} : { reason: body.lock.locked_reason }) })
  else if ('unlock' in body) await api.unlockInstance({ id })
  else if (body['os-resetState']) await api.resetInstance({ id, state: body['os-resetState'].state })
  else if (body.changePassword) await api.changePassword({ id, password: body.changePassword.adminPass })
  else return false
  return true
}

/** What an action may say depends on the version: `auto` for disks came with 2.25, in place of overcommit; `force` with 2.29 and 2.30. */
function checkVersion(body: ServerAction, minor: number): void {
  const { evacuate, 'os-migrateLive': live } = body
  if (evacuate?.force !== undefined && minor < 29) throw badRequest('force of an evacuate needs version 2.29.')
  if (!live) return
  if (live.force !== undefined && minor < 30) throw badRequest('force of a live migration needs version 2.30.')
  if (live.force && !live.host) throw badRequest('Can not force a live migration without a host.')
  if (live.block_migration === 'auto' && minor < 25) throw badRequest("block_migration 'auto' needs version 2.25.")
  if (live.disk_over_commit !== undefined && has(minor, 'live-migrate.auto')) throw badRequest('disk_over_commit is not known from version 2.25 on.')
}

/** The last `count` lines of `text`, counted as Nova counts: behind a line feed at the end there is one more, an empty one. All for null or -1. */
export function lastLines(text: string, count: number | null): string {
  if (count === null || count < 0) return text
  if (count === 0) return ''
  let at = text.length
  for (let lines = 0; lines < count; lines++) {
    if (at < 0) return text
    at = at === 0 ? -1 : text.lastIndexOf('\n', at - 1)
  }
  return text.slice(at + 1)
}

export function serverActionRoutes(app: FastifyInstance, context: HttpContext): void {
  const { api, limits } = context

  app.post<{ Body: ServerAction; Params: IdParams }>(`${COMPUTE}/servers/:id/action`, { schema: { body: ServerAction } }, async (request, reply) => {
    const { body } = request
    const [name = ''] = Object.keys(body)
    const id = instanceId(request.params.id)
    const asksConsole = body['os-getConsoleOutput']
    if (asksConsole) {
      const { output } = await api.consoleLog({ id, maxBytes: limits.consoleBytes })
      const { length = null } = asksConsole
      return { output: lastLines(output, length === null ? null : Number(length)) }
    }
    checkVersion(body, request.novaMinor)
    const onGuest = await actOnGuest(context, request, id, body)
    if (onGuest) return onGuest.answer === undefined ? reply.code(202).send() : onGuest.answer
    if (await actAtOnce(api, id, body)) return reply.code(202).send()
    const snapshot = imageAsked(body)
    if (snapshot) {
      await api.actOnInstance({ id, action: body.createBackup ? 'backup' : 'snapshot', snapshot, ...beginning(request) })
      // Of a backup that none are kept of there will be nothing to look at.
      if (has(request.novaMinor, 'image.id-in-body')) return reply.code(202).send({ image_id: snapshot.image })
      if (snapshot.rotation !== 0) reply.header('location', `${originOf(request)}${IMAGE}/images/${snapshot.image}`)
      return reply.code(202).send()
    }
    const action = OPERATIONS.get(name)
    const details = { ...detailsOf(body), ...(await aboutRebuild(api, id, body)) }
    if (body.resize && request.claims) await checkFlavor(request, api, body.resize.flavorRef).catch(unknownReference)
    if (details.host !== undefined) await api.getHost({ id: plainId('Host', details.host) }).catch(unknownReference)
    if (body.rebuild?.metadata) await checkItems(api, (await api.getInstance({ id })).project, body.rebuild.metadata)
    if (details.image !== undefined) await checkImage(request, api, details.image).catch(unknownReference)
    if (action !== undefined) await api.actOnInstance({ id, action, ...details, ...beginning(request) })
    else if ('forceDelete' in body) await api.deleteInstance({ id, force: true, ...beginning(request) })
    else throw badRequest(`There is no such action: ${printable(name)}`)
    const changed = await changeWith(api, id, body, request.id)
    if ('rescue' in body) return {}
    if (!body.rebuild) return reply.code('confirmResize' in body ? 204 : 202).send()
    // The image is the one asked for, from the answer on.
    const instance = { ...(changed ?? (await api.getInstance({ id }))), ...(details.image === undefined ? {} : { image: details.image }) }
    return reply.code(202).send({ server: serverRebuilt(instance, await sightOf(context, request)) })
  })
}
