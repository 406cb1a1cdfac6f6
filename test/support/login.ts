/** The first admin of a cluster that a test has started, by the file that `baton up` wrote. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'

export interface Admin {
  readonly password: string
  readonly token: string
}

/** Logs in with what `clouds.yaml` in the data folder says. Rejects with the answer when that is refused. */
export async function adminOf(folder: string): Promise<Admin> {
  const { auth }: { auth: Record<string, string> } = parse(await readFile(join(folder, 'clouds.yaml'), 'utf8')).clouds.baton
  const { username: name, password = '', project_name: project } = auth
  const domain = { id: 'default' }
  const body = {
    auth: {
      identity: { methods: ['password'], password: { user: { name, domain, password } } },
      scope: { project: { name: project, domain } },
    },
  }
  const reply = await fetch(`${auth.auth_url}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const token = reply.headers.get('x-subject-token')
  if (reply.status !== 201 || token === null) throw new Error(`the first admin was answered ${reply.status}: ${await reply.text()}`)
  return { password, token }
}
