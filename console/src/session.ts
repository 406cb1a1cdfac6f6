/**
 * Who looks. The token stands in the tab's session storage, so that a reload keeps it and no other tab, no URL and no log ever has it. A
 * cluster without identities has no `/identity`, and asks nobody.
 */

export interface Session {
  readonly token: string | null
  readonly user: string
  readonly project: string | null
  /** Names; null where there are no identities: anybody may do anything. */
  readonly roles: readonly string[] | null
  readonly expiresAt: number | null
}

export class Refused extends Error {
  readonly status: number
  readonly code: string
  constructor(status: number, code: string, message: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

const KEY = 'baton.session'
const ANYBODY: Session = { token: null, user: 'anybody', project: null, roles: null, expiresAt: null }
const VERSIONS = 'compute 2.90, placement 1.39'

type Json = Record<string, unknown>
const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null
export const field = (value: unknown, name: string): unknown => (isJson(value) ? value[name] : undefined)
export const listIn = (value: unknown, name: string): readonly unknown[] => {
  const list = field(value, name)
  return Array.isArray(list) ? list : []
}
const textIn = (value: unknown, name: string): string => String(field(value, name) ?? '')

/** Resolves to null when one has to sign in first. Rejects when nobody answers. */
export async function findSession(): Promise<Session | null> {
  const known: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? 'null')
  if (isSession(known) && (known.expiresAt ?? 0) > Date.now()) return known
  const answer = await fetch('/identity/v3', { headers: { accept: 'application/json' } })
  if (answer.status === 404) return ANYBODY
  if (!answer.ok) throw new Error(`the gateway answered ${answer.status}`)
  return null
}

function isSession(value: unknown): value is Session {
  return isJson(value) && typeof value.token === 'string' && Array.isArray(value.roles)
}

/** Rejects `Refused` with what the cluster says. `project` may be empty: then the user's own. */
export async function signIn(name: string, password: string, project: string): Promise<Session> {
  const domain = { id: 'default' }
  const scope = project === '' ? {} : { scope: { project: { name: project, domain } } }
  const body = { auth: { identity: { methods: ['password'], password: { user: { name, domain, password } } }, ...scope } }
  const answer = await fetch('/identity/v3/auth/tokens?nocatalog', {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
  })
  const said: unknown = await answer.json().catch(() => null)
  if (!answer.ok) throw refusedBy(answer.status, said, answer.headers)
  const token = field(said, 'token')
  const session: Session = {
    token: answer.headers.get('x-subject-token'),
    user: textIn(field(token, 'user'), 'name'),
    project: isJson(field(token, 'project')) ? textIn(field(token, 'project'), 'name') : null,
    roles: listIn(token, 'roles').map(role => textIn(role, 'name')),
    expiresAt: Date.parse(textIn(token, 'expires_at')) || null,
  }
  sessionStorage.setItem(KEY, JSON.stringify(session))
  return session
}

/** Ends the token as well: who finds this browser later has nothing. */
export async function signOut({ token }: Session): Promise<void> {
  forget()
  if (token !== null) await fetch('/identity/v3/auth/tokens', { method: 'DELETE', headers: { 'x-auth-token': token, 'x-subject-token': token } })
}

export const forget = (): void => sessionStorage.removeItem(KEY)

/** What the API answers, parsed; null for no body. Rejects `Refused`, whose message is what the cluster says. */
export async function ask(
  { token }: Session,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const answer = await fetch(path, {
    method,
    headers: {
      ...headers,
      accept: 'application/json',
      'openstack-api-version': VERSIONS,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === null ? {} : { 'x-auth-token': token }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new Refused(0, 'NotRunning', 'No gateway answers; nothing may have been done. Try again when the connection is back.')
  })
  const text = await answer.text()
  const said: unknown = text === '' ? null : JSON.parse(text)
  if (!answer.ok) throw refusedBy(answer.status, said, answer.headers)
  return said
}

/** Errors come as `{name: {code, message}}`, whatever the service. */
function refusedBy(status: number, said: unknown, headers: Headers): Refused {
  const fault = isJson(said) ? Object.values(said)[0] : null
  const message = textIn(Array.isArray(fault) ? fault[0] : fault, 'message') || `the gateway answered ${status}`
  return new Refused(status, headers.get('x-baton-error') ?? '', message)
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
/** Whether the rules that come with Baton would let this session do what `role` may. The cluster decides; this only hides what it would refuse. */
export function mayAs({ roles }: Session, role: 'reader' | 'member' | 'admin'): boolean {
  if (roles === null || roles.includes('admin')) return true
  return role === 'reader' ? true : role === 'member' && roles.includes('member')
}
