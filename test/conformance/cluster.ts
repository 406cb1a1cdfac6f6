/** The cluster that clients are let loose on: a real one with identities, made for the run, and how to log in there. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import { ask, startCluster, type TestCluster } from '../support/cluster.ts'

/** What a client is given to log in with, as `clouds.yaml` has it. */
export interface Login {
  readonly authUrl: string
  readonly username: string
  readonly password: string
  readonly project: string
  readonly region: string
}

export interface Subject {
  readonly cluster: TestCluster
  readonly login: Login
  /** The file by which OpenStack's clients find the cloud `baton`. */
  readonly cloudsFile: string
  /** The admin's token. */
  readonly token: string
}

const HOSTS = 4

export async function startSubject(): Promise<Subject> {
  const cluster = await startCluster({
    args: ['--conductors', '3', '--computes', String(HOSTS)],
    env: { BATON_AUTH_MODE: 'token', OS_CLIENT_CONFIG_FILE: '' },
  })
  try {
    const cloudsFile = join(cluster.folder, 'clouds.yaml')
    const login = loginOf(parse(await readFile(cloudsFile, 'utf8')))
    return { cluster, login, cloudsFile, token: await tokenOf(login) }
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

function loginOf(file: { clouds: { baton: { region_name: string; auth: Record<string, string> } } }): Login {
  const { auth, region_name: region } = file.clouds.baton
  const { auth_url: authUrl = '', username = '', password = '', project_name: project = '' } = auth
  return { authUrl, username, password, project, region }
}

async function tokenOf({ authUrl, username, password, project }: Login): Promise<string> {
  const domain = { id: 'default' }
  const identity = { methods: ['password'], password: { user: { name: username, domain, password } } }
  const answer = await ask(`${authUrl}/auth/tokens`, 'POST', { auth: { identity, scope: { project: { name: project, domain } } } })
  if (answer.status !== 201) throw new Error(`no token for ${username}: ${answer.text}`)
  return answer.headers.get('x-subject-token') ?? ''
}
