/**
 * The first admin's credentials as files in the data folder, mode 0600: `clouds.yaml` (cloud `baton`), which OpenStack's clients and
 * `baton` itself read, and `openrc` for a shell. The password is made once and kept; delete clouds.yaml and start again, and the
 * admin gets a new one.
 */
import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parse, stringify } from 'yaml'

export interface AdminCredentials {
  readonly password: string
  /** True when it was made just now. */
  readonly isNew: boolean
}

const CLOUDS = 'clouds.yaml'
/** Clients that do not negotiate ask for Nova's 2.1, which knows no `networks: none`. */
const CLIENT = { region_name: 'RegionOne', identity_api_version: '3', compute_api_version: '2.90' }

/** Reads or makes the password, and writes both files for this endpoint. `caFile`: what clients are to trust, when it is not known to all. */
export async function prepareCredentials(folder: string, endpoint: string, caFile: string | null = null): Promise<AdminCredentials> {
  const known = await readPassword(join(folder, CLOUDS))
  const password = known ?? randomBytes(18).toString('base64url')
  const login = { auth_url: `${endpoint}/identity/v3`, username: 'admin', password, project_name: 'admin' }
  const auth = { ...login, user_domain_name: 'Default', project_domain_name: 'Default' }
  const trusted = caFile === null ? {} : { cacert: resolve(caFile) }
  const clouds = { clouds: { baton: { auth, ...CLIENT, ...trusted } } }
  await writePrivate(join(folder, CLOUDS), stringify(clouds))
  const exported = Object.entries({ ...auth, ...CLIENT, ...trusted })
  await writePrivate(join(folder, 'openrc'), exported.map(([name, value]) => `export OS_${name.toUpperCase()}='${value}'\n`).join(''))
  return { password, isNew: known === null }
}

/** Null when there is no file, or none with a password. */
async function readPassword(path: string): Promise<string | null> {
  try {
    const found: unknown = parse(await readFile(path, 'utf8'))
    const password = ['clouds', 'baton', 'auth', 'password'].reduce<unknown>(
      (level, name) => (typeof level === 'object' && level !== null ? Reflect.get(level, name) : undefined),
      found,
    )
    // It goes into a shell script between single quotes.
    return typeof password === 'string' && password !== '' && !/['\n\r]/.test(password) ? password : null
  } catch {
    return null
  }
}

async function writePrivate(path: string, text: string): Promise<void> {
  await writeFile(`${path}.new`, text, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
