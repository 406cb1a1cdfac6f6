/**
 * What an agent inside a guest and its host say to each other: one JSON object to a line, over a channel that belongs to this one guest. So
 * nobody proves who he is, and nothing that is said can be about another guest.
 *
 *     host:  who, welcome, command              agent:  hello, heartbeat, update_backup, result
 *
 * Everything that a guest says is a stranger's: lines are bounded, shapes are checked here, and what does not fit is counted and dropped. The
 * status of the service and the state of a backup are Trove's words.
 */
import { MAX_LINE_BYTES } from '../kernel/agent-channel.ts'
import { anyOf, type Check, checkObject, integer, listOf, optional, record, text } from '../kernel/check.ts'
import type { Json } from '../kernel/define.ts'

export type { GuestChannels, GuestListener, GuestPipe } from '../kernel/agent-channel.ts'
export { MAX_LINE_BYTES }

export const GUEST_VERSION = 1

/** Bytes of a backup in one command or answer: base64 makes them a third more, and a line has to hold that. */
export const CHUNK_BYTES = 32 * 1024

export const SERVICE_STATUSES = ['NEW', 'BUILDING', 'ACTIVE', 'FAILED', 'ERROR', 'SHUTDOWN'] as const
export type ServiceStatus = (typeof SERVICE_STATUSES)[number]

export const BACKUP_STATES = ['NEW', 'BUILDING', 'COMPLETED', 'FAILED'] as const
export const BACKUP_KINDS = ['full', 'incremental'] as const
export type BackupKind = (typeof BACKUP_KINDS)[number]

/** What any agent may offer. Whatever else it declares is its service's own. Those with a dot are for the host, not for people. */
export const STANDARD_METHODS = ['freeze', 'thaw', 'set_password', 'sync_time', 'shutdown'] as const

export interface DeclaredMethod {
  readonly name: string
  readonly about: string
}

/** First word of an agent, at the beginning of its life or when it is asked `who`. */
export interface Hello {
  readonly type: 'hello'
  readonly version: number
  /** Name and version of the program. */
  readonly agent: string
  /** Of this life of the agent, chosen by it: sequence numbers begin anew with each. */
  readonly boot: string
  /** The guest that it believes to be in; one that names another is not listened to. */
  readonly instance?: string | null
  readonly service: string
  readonly methods: readonly DeclaredMethod[]
  /** Kinds of backups that it can make; none when absent. */
  readonly backups?: readonly BackupKind[] | null
}

export interface Heartbeat {
  readonly type: 'heartbeat'
  /** Grows with every heartbeat and update of one life. */
  readonly seq: number
  readonly status: ServiceStatus
  readonly message?: string | null
}

export interface UpdateBackup {
  readonly type: 'update_backup'
  readonly seq: number
  /** Id of the backup: that of the image its bytes become. */
  readonly backup: string
  readonly state: (typeof BACKUP_STATES)[number]
  readonly kind: BackupKind
  readonly sizeBytes: number
  /** Where the agent has it: its own word for it. */
  readonly location: string
  /** SHA-512 in hex; empty until it is COMPLETED. */
  readonly checksum: string
  readonly message?: string | null
}

export interface Result {
  readonly type: 'result'
  readonly id: number
  readonly value?: Json
  readonly error?: string | null
}

export type FromGuest = Hello | Heartbeat | UpdateBackup | Result

export type ToGuest =
  | { readonly type: 'who'; readonly version: number; readonly instance: string }
  | { readonly type: 'welcome'; readonly version: number; readonly heartbeatMs: number }
  /** Asked twice with the same `key`, it is done once and answered twice; without one, it is asked once. */
  | {
      readonly type: 'command'
      readonly id: number
      readonly method: string
      readonly args: Readonly<Record<string, Json>>
      readonly key?: string
    }

const SEQ = integer(0, Number.MAX_SAFE_INTEGER)
const METHOD = /^[a-z][a-z0-9_.]{0,63}$/
/** Ids become names of images and blobs. */
const BACKUP_ID = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/
/** Text that people will see: one line, nothing that a terminal would obey. */
const plain =
  (maxLength: number, minLength = 0): Check =>
  value =>
    text(maxLength, minLength)(value) ?? (/\p{C}/u.test(String(value)) ? 'must be text without control characters' : null)

export const methodName: Check = value =>
  typeof value === 'string' && METHOD.test(value) ? null : 'must be a method: a small letter, then letters, digits, _ and .'
export const backupId: Check = value =>
  typeof value === 'string' && BACKUP_ID.test(value) ? null : 'must be an id: 1 to 64 letters, digits and dashes'
const checksum: Check = value => (typeof value === 'string' && /^([0-9a-f]{128})?$/.test(value) ? null : 'must be a SHA-512 in hex, or empty')

export const checkMethods = listOf(checkObject({ name: methodName, about: plain(200) }), 64)
export const checkKinds = listOf(anyOf(...BACKUP_KINDS), BACKUP_KINDS.length)

export const BACKUP_FIELDS = {
  backup: backupId,
  state: anyOf(...BACKUP_STATES),
  kind: anyOf(...BACKUP_KINDS),
  sizeBytes: integer(0, Number.MAX_SAFE_INTEGER),
  location: plain(255),
  checksum,
  message: optional(plain(500)),
}
export const STATUS_FIELDS = { status: anyOf(...SERVICE_STATUSES), message: optional(plain(500)) }
export const AGENT_FIELDS = { agent: plain(64, 1), boot: plain(64, 1), service: plain(64, 1), methods: checkMethods, backups: optional(checkKinds) }

const CHECKS: Readonly<Record<FromGuest['type'], Check>> = {
  hello: checkObject({ version: integer(1, 1000), instance: optional(text(128)), ...AGENT_FIELDS }),
  heartbeat: checkObject({ seq: SEQ, ...STATUS_FIELDS }),
  update_backup: checkObject({ seq: SEQ, ...BACKUP_FIELDS }),
  result: checkObject({ id: integer(1, Number.MAX_SAFE_INTEGER), error: optional(text(2000)) }),
}

/** Nested deeper than this, a value would overflow the stack of somebody who writes it down. */
const MAX_DEPTH = 20

/** A line of a guest as a message, or what is wrong with it. Fields that are not of the contract are dropped. */
export function parseFromGuest(line: string): FromGuest | { readonly wrong: string } {
  const value = parseJson(line)
  if (record(value) !== null) return { wrong: 'it is no JSON object' }
  const { type } = value as { type?: unknown }
  if (!isType(type)) return { wrong: 'it has no type that an agent may send' }
  const wrong = CHECKS[type](value)
  if (wrong) return { wrong: `${type}: ${wrong}` }
  const message = value as FromGuest
  if (message.type === 'result' && isDeeper(message.value ?? null, MAX_DEPTH)) return { wrong: 'result: value is nested too deep' }
  return picked(message)
}

const isType = (type: unknown): type is FromGuest['type'] => typeof type === 'string' && Object.hasOwn(CHECKS, type)

/** Only what the contract names: a guest must not have anything else written down by way of it. */
function picked(message: FromGuest): FromGuest {
  switch (message.type) {
    case 'hello': {
      const { type, version, agent, boot, instance = null, service, methods, backups } = message
      return { type, version, agent, boot, instance, service, methods: methods.map(({ name, about }) => ({ name, about })), backups: backups ?? [] }
    }
    case 'heartbeat': {
      const { type, seq, status } = message
      return { type, seq, status, message: message.message ?? null }
    }
    case 'update_backup': {
      const { type, seq } = message
      return { type, seq, ...backupOf(message) }
    }
    case 'result': {
      const { type, id, value = null, error = null } = message
      return { type, id, value, error }
    }
  }
}

/** What an agent says of a backup, without the envelope. */
export type BackupReport = Omit<UpdateBackup, 'type' | 'seq'>

export const backupOf = ({ backup, state, kind, sizeBytes, location, checksum: sum, message }: BackupReport): BackupReport => ({
  ...{ backup, state, kind, sizeBytes, location, checksum: sum },
  message: message ?? null,
})

function isDeeper(value: Json, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return depth === 0 || Object.values(value).some(each => isDeeper(each, depth - 1))
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** Without spaces and in this order of fields: an agent of a few lines of shell can read it. */
export const lineToGuest = (message: ToGuest): string => `${JSON.stringify(message)}\n`
