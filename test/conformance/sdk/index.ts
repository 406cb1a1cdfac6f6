/** openstacksdk from Debian, by its cloud layer. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { inWords, NOTHING, type Part } from '../part.ts'

const WALK = fileURLToPath(new URL('walk.py', import.meta.url))
const WALK_MS = 240_000

export const openstackSdk: Part = {
  name: 'openstacksdk',
  needs: { program: 'openstack', package: 'python3-openstacksdk' },
  async run({ cloudsFile }, _asked, say) {
    const child = spawn('/usr/bin/python3', [WALK], {
      env: { ...process.env, OS_CLIENT_CONFIG_FILE: cloudsFile },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: WALK_MS,
    })
    const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
    let passed = 0
    let failed = 0
    for await (const line of createInterface({ input: child.stdout })) {
      const { name, problem }: { name: string; problem: string | null } = JSON.parse(line)
      if (problem === null) passed++
      else failed++
      if (problem !== null) say(`FAIL ${name}\n     ${problem}`)
    }
    const code = await ended
    if (code !== 0 && failed === 0) {
      say(`FAIL it ended with ${code ?? 'a signal'}`)
      failed = 1
    }
    const tally = { ...NOTHING, passed, failed }
    say(inWords(tally))
    return tally
  },
}
