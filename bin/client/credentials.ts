/**
 * Who the CLI is, where a cluster asks: a token in BATON_TOKEN or OS_TOKEN, else a name and password in OS_USERNAME and the like, else
 * `clouds.yaml` in the data folder. A password goes nowhere but to the endpoint that stands beside it.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { BatonError } from '../../actors/kernel/errors.ts'
import { isRecord, isText } from './guards.ts'

type Variables = Readonly<Record<string, string | undefined>>

export type Credentials = { readonly token: string } | { readonly body: object }

/** By endpoint, the data folder that named it. */
const folders = new Map<string, string>()

/** This endpoint was found in this data folder. */
export const foundIn = (endpoint: string, folder: string): void => void folders.set(endpoint, folder)

const sameOrigin = (a: string, b: string): boolean => URL.canParse(a) && URL.canParse(b) && new URL(a).origin === new URL(b).origin

function fromVariables(endpoint: string, env: Variables): Record<string, unknown> | null {
  const { OS_AUTH_URL: url, OS_USERNAME: username, OS_PASSWORD: password } = env
  if (!url || !username || !password || !sameOrigin(url, endpoint)) return null
  const { OS_PROJECT_NAME: project_name, OS_USER_DOMAIN_NAME: user_domain_name, OS_PROJECT_DOMAIN_NAME: project_domain_name } = env
  return { username, password, project_name, user_domain_name, project_domain_name }
}

interface Cloud {
  readonly auth: Record<string, unknown>
  readonly cacert: string | null
}

async function fromFile(endpoint: string, env: Variables): Promise<Cloud | null> {
  // Only who is asked needs it; other commands start without.
  const { parse } = await import('yaml')
  try {
    const found: unknown = parse(readFileSync(join(folders.get(endpoint) ?? env.BATON_DATA ?? '.baton', 'clouds.yaml'), 'utf8'))
    const clouds = isRecord(found) && isRecord(found.clouds) ? found.clouds : {}
    const baton = isRecord(clouds.baton) ? clouds.baton : {}
    const auth = isRecord(baton.auth) ? baton.auth : {}
    const cacert = isText(baton.cacert) ? baton.cacert : null
    return isText(auth.auth_url) && sameOrigin(auth.auth_url, endpoint) ? { auth, cacert } : null
  } catch {
    return null
  }
}

let trusted: Promise<void> | null = null

/**
 * Makes this process trust the authority that OS_CACERT or `clouds.yaml` names for an https endpoint, once; all requests wait for that. Rejects
 * `BadRequest` when it cannot be read.
 */
export function trustAuthority(endpoint: string, env: Variables = process.env): Promise<void> {
  if (!endpoint.startsWith('https:')) return Promise.resolve()
  trusted ??= trust(endpoint, env)
  return trusted
}

async function trust(endpoint: string, env: Variables): Promise<void> {
  const file = env.OS_CACERT || (await fromFile(endpoint, env))?.cacert
  if (!file) return
  try {
    setDefaultCACertificates([...getCACertificates('default'), readFileSync(file, 'utf8')])
  } catch (error) {
    throw new BatonError('BadRequest', `the certificates in ${file} cannot be used: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    })
  }
}

/** Null when there are none for this endpoint. `body` is what Keystone's POST /auth/tokens takes. */
export async function credentialsFor(endpoint: string, env: Variables = process.env): Promise<Credentials | null> {
  const token = env.BATON_TOKEN || env.OS_TOKEN
  if (token) return { token }
  const auth = fromVariables(endpoint, env) ?? (await fromFile(endpoint, env))?.auth
  if (!auth) return null
  const domain = (name: unknown) => ({ name: isText(name) ? name : 'Default' })
  const user = { name: auth.username, domain: domain(auth.user_domain_name), password: auth.password }
  const scope = isText(auth.project_name) ? { scope: { project: { name: auth.project_name, domain: domain(auth.project_domain_name) } } } : {}
  return { body: { auth: { identity: { methods: ['password'], password: { user } }, ...scope } } }
}
