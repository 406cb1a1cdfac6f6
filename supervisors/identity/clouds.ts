/**
 * The first admin's credentials as files in the data folder, mode 0600: `clouds.yaml` (cloud `baton`), which OpenStack's clients and
 * `baton` itself read, and `openrc` for a shell. The password is made once and kept; delete clouds.yaml and start again, and the
 * admin gets a new one.
 */
import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { MAX_MINOR } from '../../transport/http/microversion.ts'

export interface AdminCredentials {
  readonly password: string
  /** True when it was made just now. */
  readonly isNew: boolean
}

const CLOUDS = 'clouds.yaml'

/** Reads or makes the password, and writes both files for this endpoint. */
export async function prepareCredentials(folder: string, endpoint: string): Promise<AdminCredentials> {
  const known = await readPassword(join(folder, CLOUDS))
  const password = known ?? randomBytes(18).toString('base64url')
  const login = { auth_url: `${endpoint}/identity/v3`, username: 'admin', password, project_name: 'admin' }
  const auth = { ...login, user_domain_name: 'Default', project_domain_name: 'Default' }
  // Else the openstack client speaks 2.1, and knows no `--nic none`.
  const compute_api_version = `2.${MAX_MINOR}`
  const clouds = { clouds: { baton: { auth, region_name: 'RegionOne', identity_api_version: 3, compute_api_version } } }
  await writePrivate(join(folder, CLOUDS), stringify(clouds))
  const exported = Object.entries({ ...auth, region_name: 'RegionOne', identity_api_version: '3', compute_api_version })
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
