/**
 * Identity as gateways see it: the things there are, who somebody is (`Claims`), and what conductors answer. The words are Keystone's.
 * Plain data both ways; no secret and no verifier ever stands in any of it, but in the arguments that bring a password.
 */
import type { Json } from '../kernel/define.ts'

export const KINDS = ['domain', 'project', 'user', 'group', 'role', 'application_credential', 'region', 'service', 'endpoint'] as const
export type Kind = (typeof KINDS)[number]

/** Anything identity knows by an id. `attributes` is what its kind has beside a name, under Keystone's names. */
export interface Resource {
  readonly id: string
  readonly kind: Kind
  readonly name: string
  /** Of projects, users and groups; of a role null unless it is a domain's own. */
  readonly domain: string | null
  readonly enabled: boolean
  readonly attributes: Readonly<Record<string, Json>>
  /** Cluster time, ms. */
  readonly createdAt: number
}

export type Target = { readonly type: 'project' | 'domain'; readonly id: string } | { readonly type: 'system' }

/** Who has a role: a user, or all members of a group. */
export type Holder = { readonly user: string; readonly group?: never } | { readonly group: string; readonly user?: never }

export type Assignment = Holder & {
  readonly role: string
  readonly target: Target
  /** It is not for the target itself but for all projects below. Absent: for the target. */
  readonly inherited?: true
}

/** Assignments that fit all that is given. */
export interface AssignmentQuery {
  readonly user?: string
  readonly group?: string
  readonly role?: string
  readonly target?: Target
  readonly inherited?: boolean
  /**
   * What comes of them: each user's roles, by whatever group, place above or other role they come, in the places that they are for. Not
   * together with `group` or `inherited`.
   */
  readonly effective?: boolean
}

/** Whoever has the role `prior` has the role `implied`, too. */
export interface Implication {
  readonly prior: string
  readonly implied: string
}

export interface Named {
  readonly id: string
  readonly name: string
}

export type Scope =
  | { readonly type: 'none' }
  | { readonly type: 'system' }
  | { readonly type: 'domain'; readonly id: string; readonly name: string }
  | { readonly type: 'project'; readonly id: string; readonly name: string; readonly domain: Named }

/** What a token says, and all that a request is judged by. Times are cluster time in ms since 1970. */
export interface Claims {
  /** The first names this token; the second the one a chain of tokens began with. */
  readonly audit: readonly string[]
  readonly user: Named & { readonly domain: Named }
  readonly methods: readonly string[]
  readonly scope: Scope
  readonly roles: readonly Named[]
  /** The application credential behind it. A restricted one may not be used to make others. */
  readonly credential: { readonly id: string; readonly restricted: boolean } | null
  readonly issuedAt: number
  readonly expiresAt: number
}

/** Tokens issued at or before `before` die if they fit every field that is given. */
export interface Revocation {
  readonly user?: string
  readonly project?: string
  readonly domain?: string
  readonly system?: boolean
  readonly role?: string
  readonly credential?: string
  readonly audit?: string
  /** Cluster time, ms. */
  readonly before: number
}

/** What a gateway needs to judge tokens by itself. */
export interface Trust {
  readonly version: string
  /** Cluster time of the answer, ms. */
  readonly now: number
  /** Null when `version` is what was asked with. */
  readonly content: {
    /** Ed25519 public keys, SPKI in base64. */
    readonly keys: readonly { readonly id: string; readonly publicKey: string }[]
    readonly revocations: readonly Revocation[]
  } | null
}

/** By id, or by name within a domain (by id or name; the default one if left out). */
export interface Reference {
  readonly id?: string
  readonly name?: string
  readonly domainId?: string
  readonly domainName?: string
}

export type ScopeWanted = { readonly type: 'default' | 'none' | 'system' } | { readonly type: 'project' | 'domain'; readonly ref: Reference }

export interface Login {
  readonly password?: { readonly user: Reference; readonly password: string }
  readonly token?: string
  readonly credential?: { readonly id?: string; readonly name?: string; readonly user?: Reference; readonly secret: string }
  readonly scope: ScopeWanted
  /** Address of whoever asks; guesses are counted by it. */
  readonly source: string
}

export interface Issued {
  readonly token: string
  readonly claims: Claims
}

/** What of a resource is given when it is made or changed; `secret` becomes a verifier and goes no further. */
export interface Fields {
  readonly name?: string
  readonly domain?: string
  readonly enabled?: boolean
  readonly attributes?: Readonly<Record<string, Json>>
  readonly secret?: string
}

export type Where = Readonly<Record<string, string | boolean>>

export interface Membership {
  readonly group: string
  readonly user: string
}

/** What conductors do about identity. Every method may reject with a `BatonError`. */
export interface IdentityApi {
  /** Rejects `Unauthorized` whatever is wrong with the credentials, and `TooManyAttempts` after too many of those. */
  login(args: Login): Promise<Issued>
  trust(args: { version?: string }): Promise<Trust>
  /** Ends one token before its time. */
  revoke(args: { audit: string }): Promise<Record<string, never>>
  /** Services with their endpoints. */
  catalog(args: Record<string, never>): Promise<{ services: readonly Resource[]; endpoints: readonly Resource[] }>
  read(args: { kind: Kind; id: string }): Promise<Resource>
  /** By name, oldest first within a name; all of them. */
  find(args: { kind: Kind; where: Where }): Promise<readonly Resource[]>
  create(args: { kind: Kind; id: string; fields: Fields }): Promise<Resource>
  update(args: { kind: Kind; id: string; fields: Fields }): Promise<Resource>
  remove(args: { kind: Kind; id: string }): Promise<Record<string, never>>
  /** A user changes the own password; rejects `Unauthorized` when `original` is wrong. */
  changeOwnPassword(args: { id: string; original: string; password: string; source: string }): Promise<Record<string, never>>
  assign(args: Assignment): Promise<Record<string, never>>
  /** Rejects `NotFound` when there is no such assignment. */
  unassign(args: Assignment): Promise<Record<string, never>>
  /** Rejects `BadRequest` when too many would come of them. */
  assignments(args: AssignmentQuery): Promise<readonly Assignment[]>
  addMember(args: Membership): Promise<Record<string, never>>
  /** Rejects `NotFound` when the user is no member. */
  removeMember(args: Membership): Promise<Record<string, never>>
  /** The users in a group, by name. */
  members(args: { group: string }): Promise<readonly Resource[]>
  /** The groups that a user is in, by name. */
  groupsOf(args: { user: string }): Promise<readonly Resource[]>
  /** Rejects `Forbidden` for a role that no other may imply. */
  imply(args: Implication): Promise<Record<string, never>>
  /** Rejects `NotFound` when it was not implied. */
  unimply(args: Implication): Promise<Record<string, never>>
  implications(args: Record<string, never>): Promise<readonly Implication[]>
}

export const DEFAULT_DOMAIN = 'default'

/** How a gateway asks who somebody is. */
export interface IdentityGate {
  readonly api: IdentityApi
  /** The claims of a valid token. Rejects `Unauthorized` for any other, `Unavailable` while this gateway cannot tell. */
  verify(token: string): Promise<Claims>
  /** Resolves when what conductors know by now is known here too. */
  refresh(): Promise<void>
}
