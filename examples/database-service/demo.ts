/**
 * The whole story, told with the commands that a person would type, against a cluster that runs:
 *
 *     BATON_DRIVER_PROCESS_UPLOADED=yes npx baton up --driver process --auth none
 *     npx node examples/database-service/demo.ts
 *
 * The same with PostgreSQL in a virtual machine of Debian, after `npm run images -- --debian` and `npx baton up --driver qemu --auth none`:
 *
 *     npx node examples/database-service/demo.ts --debian
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { QEMU_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { BUILT_IMAGES } from '../../actors/hypervisor/drivers/qemu/built.ts'

const run = promisify(execFile)
const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const BATON = file('../../bin/baton')

/** The image of a process guest is the script that is its first process. */
const SCRIPT = `#!/bin/sh
exec '${process.execPath}' --disable-warning=ExperimentalWarning '${file('guest.ts')}' "$@"
`

/** What the two databases differ in: how their image is uploaded, the size of their guests, and whether they back up what has changed. */
const KINDS = {
  sqlite: { format: 'raw', properties: 'baton_agent=required', size: ['--ram', '2048', '--disk', '1'], more: ['--incremental'] },
  // A slow machine that emulates its processors takes minutes to boot a Debian.
  debian: {
    format: 'qcow2',
    properties: `kernel_id=${QEMU_IMAGE.id},baton_agent=required,baton_agent_timeout_s=300`,
    size: ['--ram', '256', '--disk', '2'],
    more: [],
  },
}

interface Digest {
  readonly value: { readonly rows: number; readonly sha256: string }
}

/** Runs it; throws at the first command that fails, or when the data is not what it was. `say` hears what happens. */
export async function demo(say: (line: string) => void, env: NodeJS.ProcessEnv = {}, kind: keyof typeof KINDS = 'sqlite'): Promise<Digest['value']> {
  const { format, properties, size, more: incremental } = KINDS[kind]

  async function baton(...args: string[]) {
    say(`$ baton ${args.join(' ')}`)
    const { stdout } = await run(BATON, [...args, '--json'], { env: { ...process.env, ...env, NO_COLOR: '1' } })
    return JSON.parse(stdout)
  }
  const exec = (instance: string, method: string, args: object) => baton('guest', 'exec', instance, method, '--args', JSON.stringify(args))
  const create = (name: string, image: string) => baton('instance', 'create', name, '--image', image, '--flavor', 'database', '--wait')

  const folder = await mkdtemp(join(tmpdir(), 'baton-database-'))
  try {
    const bytes = kind === 'debian' ? join(BUILT_IMAGES, 'debian.qcow2') : join(folder, 'image.sh')
    if (kind === 'sqlite') await writeFile(bytes, SCRIPT)
    const about = ['--name', 'database', '--file', bytes, '--disk-format', format, '--property', properties]
    const { id: image } = await baton('image', 'create', ...about)
    await baton('flavor', 'create', 'database', '--vcpus', '1', ...size)

    await create('db-1', image)
    await exec('db-1', 'execute', { sql: 'create table city (name text, people integer)' })
    for (const [name, people] of Object.entries({ Oslo: 724, Lima: 10_092, Pune: 3124 }))
      await exec('db-1', 'execute', { sql: `insert into city values ('${name}', ${people})` })
    const full = await baton('backup', 'create', 'db-1', '--name', 'monday', '--wait')
    await exec('db-1', 'execute', { sql: "insert into city values ('Bern', 134)" })
    const more = await baton('backup', 'create', 'db-1', '--name', 'tuesday', ...incremental, '--wait')
    const before: Digest['value'] = await exec('db-1', 'digest', {})
    say(`  ${full.backup} is full, ${more.backup} is newer; the database has ${before.rows} rows, ${before.sha256}`)

    await baton('instance', 'delete', 'db-1', '--wait')
    await create('db-2', image)
    await baton('backup', 'restore', 'tuesday', 'db-2', '--wait')
    const after: Digest['value'] = await exec('db-2', 'digest', {})
    say(`  the database of another instance has ${after.rows} rows, ${after.sha256}`)
    if (after.sha256 !== before.sha256) throw new Error('the data is not what it was')
    return after
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await demo(console.log, {}, process.argv.includes('--debian') ? 'debian' : 'sqlite')
