/** Metrics as a scraper sees them, and what is shipped to watch them: rules and dashboard name only what there is. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createMetrics } from '../../supervisors/observe/metrics.ts'
import { HISTOGRAMS, NUMBERS } from '../../supervisors/observe/metrics-table.ts'
import { skip } from '../support/skip.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'docs', 'monitoring')
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const NODE = { id: 'c1', role: 'conductor' }
const EVERY_NUMBER = Object.fromEntries(Object.keys(NUMBERS).map((name, i) => [name, i + 1]))

/** Every metric of the table with a value. */
function full() {
  const metrics = createMetrics(NODE, () => EVERY_NUMBER)
  metrics.observe('journal_commit_seconds', 0.004)
  metrics.observe('takeover_seconds', 1.4)
  metrics.observe('message_handling_seconds', 0.002, { kind: 'instance' })
  metrics.observe('operation_duration_seconds', 0.7, { kind: 'build', outcome: 'done' }, TRACE)
  metrics.observe('http_request_duration_seconds', 0.02, { route: '/compute/v2.1/servers', method: 'POST', status: '2xx' }, TRACE)
  return metrics
}

const promtool = spawnSync('promtool', ['--version']).status === 0

test('counters, gauges and histograms say what they are', async () => {
  const text = await full().text()
  for (const [name, { type, help }] of [...Object.entries(NUMBERS), ...Object.entries(HISTOGRAMS)]) {
    assert.ok(text.includes(`# TYPE baton_${name} ${type}\n`), name)
    assert.ok(text.includes(`# HELP baton_${name} ${help}\n`), name)
    assert.is(name.endsWith('_total'), type === 'counter', name)
  }
  assert.match(text, /^baton_actors\{node="c1",role="conductor"\} 1$/m)
  assert.match(text, /^baton_journal_commit_seconds_bucket\{le="0.005",node="c1",role="conductor"\} 1$/m)
})

test('a counter that begins again goes back, and one that stands still is not counted twice', async () => {
  let value = 7
  const metrics = createMetrics(NODE, () => ({ calls_sent_total: value }))
  const read = async () => /^baton_calls_sent_total\{.*\} (\d+)$/m.exec(await metrics.text())?.[1]
  assert.is(await read(), '7')
  assert.is(await read(), '7')
  value = 2
  assert.is(await read(), '2')
})

test('traces are exemplars in OpenMetrics, and in nothing else', async () => {
  const metrics = full()
  const open = await metrics.text(true)
  const plain = await metrics.text()
  assert.match(plain, /^# TYPE baton_calls_sent_total counter$/m)
  assert.match(plain, /^# TYPE process_cpu_seconds_total counter$/m)
  assert.not.match(plain, /trace_id/)
  assert.match(open, /baton_operation_duration_seconds_bucket\{le="1",.*\} 1 # \{trace_id="0af7651916cd43dd8448eb211c80319c"\} 0\.7 /)
  assert.match(open, /# EOF\n$/)
  assert.match(open, /^# TYPE baton_calls_sent counter$/m)
})

test('rules and dashboard ask only for metrics that there are', () => {
  const known = new Set([
    ...Object.keys(NUMBERS).map(name => `baton_${name}`),
    ...Object.keys(HISTOGRAMS).flatMap(name => ['bucket', 'sum', 'count'].map(part => `baton_${name}_${part}`)),
  ])
  for (const file of ['baton.rules.yml', 'baton.rules.test.yml', 'baton-dashboard.json']) {
    const named = [...readFileSync(join(FOLDER, file), 'utf8').matchAll(/\bbaton_[a-z_]+/g)].map(m => m[0])
    assert.ok(named.length > 3, file)
    assert.equal(
      named.filter(name => !known.has(name)),
      [],
      file,
    )
  }
})

test('promtool finds nothing wrong with the metrics', () => {
  if (!promtool) return skip('promtool is not installed', { installedByCi: true })
  return full()
    .text()
    .then(text => {
      const own = text
        .split('\n')
        .filter(line => /^(?:# \w+ )?baton_/.test(line))
        .join('\n')
      const { status, stderr, stdout } = spawnSync('promtool', ['check', 'metrics'], { input: `${own}\n`, encoding: 'utf8' })
      assert.is(`${stdout}${stderr}`, '')
      assert.is(status, 0)
    })
})

test('promtool finds nothing wrong with the alert rules, and they fire when they should', () => {
  if (!promtool) return skip('promtool is not installed', { installedByCi: true })
  for (const args of [
    ['check', 'rules', 'baton.rules.yml'],
    ['test', 'rules', 'baton.rules.test.yml'],
  ]) {
    const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: FOLDER, encoding: 'utf8' })
    assert.is(status, 0, `${stdout}${stderr}`)
    assert.match(stdout, /SUCCESS/)
  }
})

test.run()
