/** An agent that is no guest: a worker with a ledger of the jobs it has done. It needs its key file and nothing else of the cluster. */
import { createHash } from 'node:crypto'
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { hostname, loadavg } from 'node:os'
import { join } from 'node:path'
import type { AgentService } from '../../actors/guest/agent/agent.ts'
import { runAgent } from '../../supervisors/agents/run-agent.ts'
import { readKeyFile } from '../../transport/agents/key-file.ts'

const [keyFile = 'worker.key', folder = 'worker-data'] = process.argv.slice(2)
const ledger = join(folder, 'ledger.json')
const received = join(folder, 'received')

await mkdir(folder, { recursive: true, mode: 0o700 })
let jobs: string[] = JSON.parse(await readFile(ledger, 'utf8').catch(() => '[]'))

/** On disk before it is answered: a job that was reported is not lost. */
async function save(): Promise<void> {
  await writeFile(`${ledger}.new`, JSON.stringify(jobs), { mode: 0o600 })
  await rename(`${ledger}.new`, ledger)
}

const digestOf = (bytes: Uint8Array): string => createHash('sha512').update(bytes).digest('hex')

const service: AgentService = {
  name: 'worker',
  methods: {
    perform: {
      about: 'does the job {job}, and writes it down',
      async run({ job }) {
        if (typeof job !== 'string' || job === '') throw new Error('a job has a name')
        jobs.push(job)
        await save()
        return { jobs: jobs.length }
      },
    },
    report: {
      about: 'where it runs, how busy that is, and what was done',
      run: async () => ({ host: hostname(), pid: process.pid, load: loadavg()[0] ?? 0, jobs, sha512: digestOf(Buffer.from(JSON.stringify(jobs))) }),
    },
    forget: {
      about: 'forgets all jobs',
      async run() {
        jobs = []
        await save()
        return {}
      },
    },
  },
  backups: {
    kinds: ['full'],
    async make({ backup }) {
      const path = join(folder, `backup-${backup}`)
      const bytes = Buffer.from(JSON.stringify(jobs))
      await writeFile(path, bytes, { mode: 0o600 })
      return {
        ...{ sizeBytes: bytes.length, checksum: digestOf(bytes), location: path },
        read: async (offset, length) => bytes.subarray(offset, offset + length),
        remove: () => rm(path, { force: true }),
      }
    },
    async receive(_, offset, bytes) {
      const file = await open(received, offset === 0 ? 'w' : 'r+', 0o600)
      await file.write(bytes, 0, bytes.length, offset)
      await file.close()
    },
    async apply() {
      jobs = JSON.parse(await readFile(received, 'utf8'))
      await save()
    },
  },
}

const agent = runAgent(await readKeyFile(keyFile), {
  program: 'fleet-worker/1',
  service,
  onState: state => console.log(`${state.at} ${state.endpoint}${state.at === 'refused' ? `: ${state.why}` : ''}`),
})
agent.status('ACTIVE')

process.on('SIGTERM', () => {
  agent.status('SHUTDOWN')
  // The word is on its way as soon as the event loop has turned.
  setTimeout(() => agent.stop().then(() => process.exit(0)), 100)
})
