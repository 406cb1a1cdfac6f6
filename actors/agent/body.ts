/** Agents outside of guests as gateways see them, and what may be asked of them. Times are cluster time in ms since 1970. */
import type { AgentState, BackupSchedule, GuestBody } from '../guest/body.ts'
import type { BackupReport, ServiceStatus } from '../guest/contract.ts'
import type { AgentLook } from '../guest/guests.ts'
import type { AgentAbout } from '../guest/report.ts'
import type { Json } from '../kernel/define.ts'
import type { Fault } from '../kernel/errors.ts'
import type { Requester } from '../kernel/requester.ts'

/** What an agent is to do, or has done. It is written down before the agent hears of it, and its end before anybody else does. */
export interface AgentCommand {
  readonly id: string
  readonly method: string
  readonly args: Readonly<Record<string, Json>>
  readonly state: 'open' | 'done' | 'failed'
  /** Of a command that is done. */
  readonly value: Json
  readonly fault: Fault | null
  readonly askedAt: number
  /** Nobody may do it any more. */
  readonly deadlineAt: number
  readonly endedAt: number | null
}

export interface AgentBody {
  readonly id: string
  readonly name: string
  readonly project: string
  /** Its public key: X25519, 64 hexadecimal digits. */
  readonly key: string
  /** How many keys it has had. */
  readonly keys: number
  /** Silence after which nobody knows how its service is, ms; null: as the cluster is set. */
  readonly silentMs: number | null
  /** The gateway it talks to; null when it was never there, or its session has ended. */
  readonly gateway: string | null
  readonly agent: AgentState
  readonly status: ServiceStatus
  readonly message: string | null
  readonly about: AgentAbout | null
  readonly backup: BackupReport | null
  readonly lastBackup: GuestBody['lastBackup']
  readonly schedule: BackupSchedule | null
  /** The operation under way. */
  readonly operation: string | null
  /** Those that are open, and the newest that have ended; in a list only how many are open. */
  readonly commands?: readonly AgentCommand[]
  readonly openCommands: number
  /** What its gateway knows at this moment; absent when it was not asked, or did not answer. */
  readonly live?: AgentLook
  readonly createdAt: number
  readonly updatedAt: number
}

/** Time for a command unless somebody says otherwise, and at most, ms. */
export const COMMAND_MS = 60_000
export const COMMAND_MAX_MS = 86_400_000

export interface ExecAgent {
  readonly id: string
  /** Chosen by who asks: asked twice with the same it is done once. */
  readonly command: string
  readonly method: string
  readonly args: Readonly<Record<string, Json>>
  readonly timeoutMs?: number
}

export interface CreateAgent {
  readonly id: string
  readonly name: string
  readonly project: string
  /** Its public key, hexadecimal. */
  readonly key: string
  readonly silentMs?: number
}

export interface AgentApi {
  /** Rejects `Conflict` for a key that another agent has, `QuotaExceeded` when the project has as many as it may. */
  createAgent(args: CreateAgent): Promise<AgentBody>
  /** Newest first. */
  listAgents(args: { limit?: number; marker?: string; project?: string; agent?: AgentState }): Promise<AgentBody[]>
  /** With what its gateway knows of it just now, unless nobody wants to `look`. Rejects `NotFound`. */
  getAgent(args: { id: string; look?: boolean }): Promise<AgentBody>
  /** Another key from now on: a session with the old one is over. */
  rotateAgentKey(args: { id: string; key: string }): Promise<AgentBody>
  /** Its session is over, and so are its commands. Its backups stay. */
  deleteAgent(args: { id: string }): Promise<Record<string, never>>
  /** Has it do what it declares. Answers when that is written down. Rejects `BadRequest` for anything else. */
  execAgent(args: ExecAgent): Promise<AgentCommand>
  getAgentCommand(args: { id: string; command: string }): Promise<AgentCommand>
  /** Null: no more. */
  scheduleAgentBackups(args: { id: string; schedule: BackupSchedule | null }): Promise<AgentBody>
}

/** What begins an operation of an agent. */
export interface AgentOperation {
  readonly requestId: string
  readonly by?: Requester
}
