/**
 * An agent as a library: what a program does that stands for a service inside a guest. It answers its host by `actors/guest/contract.ts`; the
 * service itself, the channel and the clock are given to it, so the same agent runs in a process guest, in tests and in the simulator.
 *
 *     const agent = createAgent({ instance, boot, service, send: line => socket.write(line), setTimer })
 *     socket.on('data', agent.take)
 *     agent.status('ACTIVE')
 */
import type { Json } from '../../kernel/define.ts'
import type { Timer } from '../../kernel/env.ts'
import { lineReader } from '../../kernel/lines.ts'
import { type BackupKind, type BackupReport, type FromGuest, GUEST_VERSION, MAX_LINE_BYTES, type ServiceStatus, type ToGuest } from '../contract.ts'

type Args = Readonly<Record<string, Json>>

/** Bytes of one backup, as its service has made them. */
export interface MadeBackup {
  readonly sizeBytes: number
  /** SHA-512, hex. */
  readonly checksum: string
  /** Where it is, in the service's own words. */
  readonly location: string
  read(offset: number, length: number): Promise<Uint8Array>
  remove(): Promise<void>
}

export interface AgentBackups {
  readonly kinds: readonly BackupKind[]
  /** Rejects when it cannot; of an incremental one also when it does not have `parent` any more. */
  make(request: { readonly backup: string; readonly kind: BackupKind; readonly parent: string | null }): Promise<MadeBackup>
  /** Takes bytes of part `part` of a restore, in order; those at offset 0 begin the part anew. */
  receive(part: number, offset: number, bytes: Uint8Array): Promise<void>
  /** Puts what was received in its place: the full backup, then the incremental ones. */
  apply(parts: number): Promise<void>
}

export interface AgentMethod {
  readonly about: string
  run(args: Args): Promise<Json>
}

export interface AgentService {
  readonly name: string
  readonly methods: Readonly<Record<string, AgentMethod>>
  readonly backups?: AgentBackups
}

export interface AgentOptions {
  readonly instance: string
  /** Of this life, never used before. */
  readonly boot: string
  /** Name and version of the program. */
  readonly program: string
  readonly service: AgentService
  send(line: string): void
  setTimer(delayMs: number, fn: () => void): Timer
}

export interface Agent {
  take(chunk: Uint8Array): void
  status(status: ServiceStatus, message?: string): void
  /** No more heartbeats: its service goes on, unheard. */
  stop(): void
}

/** Backups kept for the host to read. */
const BACKUPS_MAX = 2
/** Commands with a key whose answers are remembered. */
const ANSWERS_MAX = 64
const HEARTBEAT_MS = 5000

export function createAgent({ instance, boot, program, service, send, setTimer }: AgentOptions): Agent {
  const read = lineReader(MAX_LINE_BYTES)
  const made = new Map<string, { report: BackupReport; backup: MadeBackup | null }>()
  const answers = new Map<string, Promise<Json>>()
  const { backups } = service
  let seq = 0
  let beatMs = HEARTBEAT_MS
  let timer: Timer | null = null
  let stopped = false
  let now: { status: ServiceStatus; message: string | null } = { status: 'NEW', message: null }
  /** The restore that was put in its place last. */
  let applied = ''
  let restoring = { id: '', part: -1, received: 0 }

  const say = (message: FromGuest): void => send(`${JSON.stringify(message)}\n`)

  function beat(): void {
    timer?.cancel()
    if (stopped) return
    say({ type: 'heartbeat', seq: ++seq, ...now })
    timer = setTimer(beatMs, beat)
  }

  const tell = (report: BackupReport): void => say({ type: 'update_backup', seq: ++seq, ...report })

  function hello(): void {
    const methods = Object.entries(service.methods).map(([name, { about }]) => ({ name, about }))
    say({ type: 'hello', version: GUEST_VERSION, agent: program, boot, instance, service: service.name, methods, backups: backups?.kinds ?? [] })
  }

  function forget(id: string): void {
    const known = made.get(id)
    made.delete(id)
    known?.backup?.remove().catch(() => {})
  }

  /** Begins it, or says again how far it is. */
  function beginBackup(from: AgentBackups, args: Args): void {
    const backup = String(args.backup)
    const known = made.get(backup)
    if (known && known.report.state !== 'FAILED') {
      tell(known.report)
      return
    }
    const kind: BackupKind = args.kind === 'incremental' ? 'incremental' : 'full'
    const parent = typeof args.parent === 'string' ? args.parent : null
    const report: BackupReport = { backup, state: 'BUILDING', kind, sizeBytes: 0, location: '', checksum: '', message: null }
    made.set(backup, { report, backup: null })
    if (made.size > BACKUPS_MAX) for (const oldest of [...made.keys()].slice(0, -BACKUPS_MAX)) forget(oldest)
    tell(report)
    from.make({ backup, kind, parent }).then(
      done => {
        const { sizeBytes, checksum, location } = done
        const completed: BackupReport = { ...report, state: 'COMPLETED', sizeBytes, checksum, location }
        if (!made.has(backup)) return void done.remove().catch(() => {})
        made.set(backup, { report: completed, backup: done })
        tell(completed)
      },
      error => {
        const lost: BackupReport = { ...report, state: 'FAILED', message: messageOf(error) }
        made.set(backup, { report: lost, backup: null })
        tell(lost)
      },
    )
  }

  async function perform(method: string, args: Args): Promise<Json> {
    const own = Object.hasOwn(service.methods, method) ? service.methods[method] : undefined
    if (own) return own.run(args)
    if (!backups) throw new Error(`there is no method ${method}`)
    switch (method) {
      case 'backup.begin':
        beginBackup(backups, args)
        return {}
      case 'backup.read': {
        const known = made.get(String(args.backup))?.backup
        if (!known) throw new Error('there is no such backup here')
        return { data: Buffer.from(await known.read(Number(args.offset), Number(args.length))).toString('base64') }
      }
      case 'backup.end':
        forget(String(args.backup))
        return {}
      case 'restore.begin': {
        const [id, part] = [String(args.restore), Number(args.part)]
        if (applied === id) return { offset: Number(args.sizeBytes) }
        if (restoring.id !== id || restoring.part !== part) restoring = { id, part, received: 0 }
        return { offset: restoring.received }
      }
      case 'restore.write': {
        const offset = Number(args.offset)
        if (restoring.id !== args.restore || restoring.part !== args.part || offset !== restoring.received) {
          throw new Error(`these bytes are out of turn: ${restoring.received} were received of part ${restoring.part}`)
        }
        const bytes = Buffer.from(String(args.data), 'base64')
        await backups.receive(restoring.part, offset, bytes)
        restoring.received += bytes.length
        return {}
      }
      case 'restore.end':
        if (applied !== args.restore) await backups.apply(Number(args.parts))
        applied = String(args.restore)
        return {}
      default:
        throw new Error(`there is no method ${method}`)
    }
  }

  /** Under one key it is done once in this life, however often it is asked. */
  function once(key: string, act: () => Promise<Json>): Promise<Json> {
    const known = answers.get(key)
    if (known) return known
    const answer = act()
    answers.set(key, answer)
    if (answers.size > ANSWERS_MAX) answers.delete(answers.keys().next().value ?? '')
    return answer
  }

  function obey({ id, method, args, key }: Extract<ToGuest, { type: 'command' }>): void {
    const act = () => perform(method, args)
    const answer = key === undefined ? act() : once(key, act)
    answer.then(
      value => say({ type: 'result', id, value }),
      error => say({ type: 'result', id, error: messageOf(error) }),
    )
  }

  function hear(said: ToGuest): void {
    if (said.type === 'who') hello()
    if (said.type === 'welcome') {
      beatMs = said.heartbeatMs
      beat()
    }
    if (said.type === 'command') obey(said)
  }

  return {
    take(chunk) {
      for (const line of read.push(chunk) ?? []) if (line !== '') hear(JSON.parse(line))
    },
    status(status, message) {
      now = { status, message: message ?? null }
      if (timer) beat()
    },
    stop() {
      stopped = true
      timer?.cancel()
    },
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).replace(/\p{C}/gu, ' ').slice(0, 500)
