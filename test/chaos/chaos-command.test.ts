/** `baton chaos` for a moment, with faults of each kind: it ends by itself, its verdict is good, and it leaves nothing behind. */
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { whyNoNetwork } from '../../bin/chaos/network.ts'
import { baton } from '../support/cluster.ts'
import { skip } from '../support/skip.ts'

const FAULTS = 'kill-conductor,partition-host,conductor-without-database,database-away,fail-over'

test('a short run with kills, partitions and a database that is away', async () => {
  const missing = await whyNoNetwork()
  if (missing !== null) return skip(missing, { installedByCi: true })
  const folder = await mkdtemp(join(tmpdir(), 'baton-report-'))
  try {
    const report = join(folder, 'report.html')
    const size = ['--conductors', '2', '--computes', '2', '--seconds', '8', '--seed', '11']
    const { code, stdout, stderr } = await baton(['chaos', ...size, '--faults', FAULTS, '--json', '--report', report], { boundMs: 200_000 })
    assert.is(code, 0, stdout + stderr)
    const result = JSON.parse(stdout)
    assert.equal(result.violations, [])
    assert.ok(result.deeds.length >= 2 && result.deeds.every((deed: { healedAt: number }) => deed.healedAt > 0))
    assert.ok(result.notes['create acknowledged'] > 0)
    assert.match(await readFile(report, 'utf8'), /No violation/)
    assert.not.match(execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }), /baton-chaos-/)
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('a fault that there is not', async () => {
  const { code, stderr } = await baton(['chaos', '--faults', 'earthquake'])
  assert.is(code, 2)
  assert.match(stderr, /no fault "earthquake"; there are kill-conductor, /)
})

test.run()
