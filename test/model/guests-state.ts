/** What the model of guests is made of. */
import type { PowerState } from '../../actors/hypervisor/driver.ts'
import type { Address } from '../../actors/kernel/address.ts'
import type { WorkResult } from '../../actors/kernel/define.ts'
import type { Agent } from './guests-agent.ts'

export const GUEST_BUGS = {
  'spawn before claim': 'a build makes the guest first and claims room for it then',
  'evacuate without fence': 'an instance is evacuated from a host of which nobody knows whether it is dead',
  'migrate without stop': 'the guest is made on the other host while the old one runs',
  'destroyed without asking the owner': 'a guest that seems to be elsewhere is destroyed on the word of a report',
  'any rank is obeyed': 'an agent obeys whatever arrives, however late',
  'release leaves no mark': 'a copy of a claim that comes after its release claims again',
} as const
export type GuestBug = keyof typeof GUEST_BUGS

/** Something a client asks for, once. */
export interface Request {
  readonly to: Address
  readonly method: string
  readonly args: Readonly<Record<string, unknown>>
}

export interface Scenario {
  readonly name: string
  /** Whether instance `i1` is there and runs on `h1` when it begins. Otherwise the requests begin with its creation. */
  readonly built: boolean
  /** Each may be asked at any time, or never; but what is created is created first. */
  readonly requests: readonly Request[]
  /** Timers that may fire. */
  readonly timers: number
  /** Guests that may fail to be made. */
  readonly faults: number
  /** Hosts that may be judged to be down. */
  readonly outages: number
  readonly agentCrashes: number
  /** Reports about guests. */
  readonly audits: number
}

export interface Call {
  readonly from: string
  /** Of the piece of work, among those of its sender. */
  readonly key: string
  readonly to: string
  readonly method: string
  readonly args: unknown
}

export interface State extends Pick<Scenario, 'requests' | 'timers' | 'faults' | 'outages' | 'agentCrashes' | 'audits'> {
  /** By address. */
  readonly actors: Readonly<Record<string, object>>
  readonly agents: Readonly<Record<string, Agent>>
  readonly calls: readonly Call[]
  readonly answers: readonly { readonly from: string; readonly key: string; readonly result: WorkResult }[]
  readonly reports: readonly { readonly host: string; readonly instance: string; readonly power: PowerState; readonly order: number }[]
}
