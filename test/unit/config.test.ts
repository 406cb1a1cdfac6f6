import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BatonError } from '../../actors/kernel/errors.ts'
import { type Config, type ConfigSources, loadConfig, sampleConfig, valueAt } from '../../supervisors/config/config.ts'
import { readConfigText } from '../../supervisors/config/config-file.ts'
import { CONFIG_KEYS, configEntries, environmentName } from '../../supervisors/config/config-table.ts'
import { shown } from '../support/hooks.ts'

const folder = mkdtempSync(join(tmpdir(), 'baton-config-'))
const file = join(folder, 'baton.yaml')
test.after(shown(() => rmSync(folder, { recursive: true })))

const withFile = (text: string, more: ConfigSources = {}): Config => {
  writeFileSync(file, text)
  return loadConfig({ file, ...more })
}

/** The lines of the refusal, without the folder. */
const mistakesIn = (load: () => unknown): string[] => {
  try {
    load()
  } catch (error) {
    assert.ok(error instanceof BatonError)
    assert.is(error.code, 'ConfigInvalid')
    return error.message.replaceAll(`${folder}/`, '').split('\n')
  }
  assert.unreachable('it was accepted')
  return []
}

test('without sources every key has its default', () => {
  const config = loadConfig()
  for (const [key, spec] of configEntries()) assert.is(valueAt(config, key), spec.default, key)
})

test('the type follows the table', () => {
  const config = loadConfig()
  const port: number = config.http.port
  const url: string | null = config.database.url
  const driver: 'auto' | 'fake' | 'process' | 'qemu' = config.driver.name
  const level: 'debug' | 'info' | 'warn' | 'error' | 'silent' = config.log.level
  assert.equal([port, url, driver, level, config.driver.fake.latencyMs], [8774, null, 'auto', 'info', 0])
})

test('a list is a list in the file, and JSON in the environment and in flags', () => {
  const fence = ['/sbin/power-off', '--host', '{host}']
  assert.equal(withFile('fence:\n  command: [/sbin/power-off, --host, "{host}"]\n').fence.command, fence)
  assert.equal(loadConfig({ env: { BATON_FENCE_COMMAND: JSON.stringify(fence) } }).fence.command, fence)
  assert.equal(
    mistakesIn(() => loadConfig({ env: { BATON_FENCE_COMMAND: '/sbin/power-off' } })),
    ['BATON_FENCE_COMMAND: `fence.command` must be a list of texts (program and arguments), not "/sbin/power-off"'],
  )
  assert.match(mistakesIn(() => withFile('fence:\n  command: [1, 2]\n'))[0] ?? '', /baton.yaml:2:12: `fence.command` must be a list of texts/)
})

test('nobody can change the settings of a running node', () => {
  const config = loadConfig()
  assert.throws(() => Object.assign(config.driver.fake, { latencyMs: 1 }), /read only/)
})

test('flags win over the environment, the environment over the file, the file over the default', () => {
  const text = 'http:\n  port: 1\n'
  const env = { BATON_HTTP_PORT: '2' }
  assert.is(withFile(text).http.port, 1)
  assert.is(withFile(text, { env }).http.port, 2)
  assert.is(withFile(text, { env, flags: { 'http.port': '3' } }).http.port, 3)
  assert.is(withFile(text, { env, flags: { 'http.port': undefined } }).http.port, 2)
})

test('a variable is named after its key, and BATON_DATA is short for the data folder', () => {
  assert.is(environmentName('driver.fake.latencyMs'), 'BATON_DRIVER_FAKE_LATENCY_MS')
  assert.is(loadConfig({ env: { BATON_DRIVER_FAKE_LATENCY_MS: '20' } }).driver.fake.latencyMs, 20)
  assert.is(loadConfig({ env: { BATON_DATA: '/x' } }).data.folder, '/x')
  assert.is(loadConfig({ env: { BATON_DATA: '/x', BATON_DATA_FOLDER: '/y' } }).data.folder, '/y')
  assert.is(loadConfig({ env: { BATON_DATABASE_URL: '' } }).database.url, null)
})

test('the sample is read back as exactly the defaults', () => {
  const { values, mistakes } = readConfigText(sampleConfig(), 'sample')
  assert.equal(mistakes, [])
  assert.equal(Object.fromEntries(values), Object.fromEntries(configEntries().map(([key, spec]) => [key, spec.default])))
  for (const line of sampleConfig().split('\n')) assert.ok(line.length <= 150, line)
})

test('empty files and empty sections are fine', () => {
  assert.is(withFile('').http.port, 8774)
  assert.is(withFile('# nothing\nhttp:\n').http.port, 8774)
})

test('an unknown key is refused with its place and the nearest name', () => {
  assert.equal(
    mistakesIn(() => withFile('http:\n  prot: 80\n')),
    ['baton.yaml:2:3: unknown key `http.prot`; did you mean `http.port`?'],
  )
  assert.equal(
    mistakesIn(() => withFile('\nclutser: {}\n')),
    ['baton.yaml:2:1: unknown key `clutser`; did you mean `cluster`?'],
  )
  assert.equal(
    mistakesIn(() => withFile('zzzzzzzz: 1\n')),
    ['baton.yaml:1:1: unknown key `zzzzzzzz`; `baton config sample` lists all keys'],
  )
})

test('a wrong value is refused with its place, what it must be, and what it is', () => {
  const refused: readonly [string, string][] = [
    ['http: {port: "80"}', '1:14: `http.port` must be an integer from 0 to 65535 (TCP port), not "80"'],
    ['http: {port: 70000}', '1:14: `http.port` must be an integer from 0 to 65535 (TCP port), not 70000'],
    ['http: {port: 1.5}', '1:14: `http.port` must be an integer from 0 to 65535 (TCP port), not 1.5'],
    ['http: {port: }', '1:14: `http.port` must be an integer from 0 to 65535 (TCP port), not null'],
    ['http: {port: .nan}', '1:14: `http.port` must be an integer from 0 to 65535 (TCP port), not NaN'],
    ['http: {port: [1]}', '1:14: `http.port` must be an integer from 0 to 65535 (TCP port), not a list or mapping'],
    ['driver: {name: xen}', '1:16: `driver.name` must be one of auto, fake, process, qemu, not "xen"'],
    ['driver: {fake: {failureRate: 2}}', '1:30: `driver.fake.failureRate` must be a number from 0 to 1 (share), not 2'],
    ['data: {folder: ""}', '1:16: `data.folder` must be a text (path), not ""'],
    ['http: 80', '1:1: `http` must be a mapping of keys'],
    ['- 1', '1:1: the file must be a mapping of keys'],
  ]
  for (const [text, message] of refused)
    assert.equal(
      mistakesIn(() => withFile(text)),
      [`baton.yaml:${message}`],
    )
})

test('text that is no YAML is refused with its place', () => {
  assert.match(mistakesIn(() => withFile('http:\n  port: [1\n'))[0] ?? '', /^baton\.yaml:\d+:\d+: /)
  assert.match(mistakesIn(() => withFile('http: {}\nhttp: {}\n'))[0] ?? '', /^baton\.yaml:2:1: .*unique/)
})

test('all mistakes are reported at once, wherever they come from', () => {
  const mistakes = mistakesIn(() =>
    withFile('a: 1\nhttp: {port: x}\n', { env: { BATON_LOG_LEVEL: 'loud', BATON_HTTP_PROT: '1' }, flags: { 'cluster.conductors': '0' } }),
  )
  assert.is(mistakes.length, 5)
  assert.is(mistakes[2], 'BATON_LOG_LEVEL: `log.level` must be one of debug, info, warn, error, silent, not "loud"')
  assert.is(mistakes[3], 'BATON_HTTP_PROT: unknown setting in the environment; did you mean BATON_HTTP_PORT?')
  assert.is(mistakes[4], 'flag: `cluster.conductors` must be an integer from 1 to 64 (nodes), not 0')
})

test('variables of others are left alone', () => {
  assert.is(loadConfig({ env: { BATON_ENDPOINT: 'x', BATON_DEBUG: '1', BATON_TEST_RUN: 'y', PATH: '/' } }).http.port, 8774)
})

test('a file that cannot be read is refused by name', () => {
  assert.equal(
    mistakesIn(() => loadConfig({ file: join(folder, 'none.yaml') })),
    ['none.yaml: cannot be read (ENOENT)'],
  )
})

test('times that must stand in order do', () => {
  assert.equal(
    mistakesIn(() => withFile('heartbeat: {suspectMs: 20000}')),
    ['configuration: `heartbeat.suspectMs` (20000) must be less than `heartbeat.downMs` (10000)'],
  )
})

test('no text makes the reader throw or accept what the table forbids', () => {
  const word = fc.oneof(
    fc.constantFrom('http:', '  port: ', '- ', '*a', '&a ', '80', '\n', '{', '}', ': ', '!!map ', '"'),
    fc.string({ maxLength: 6 }),
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), words => {
      const { values } = readConfigText(words.join(''), 'f')
      for (const key of values.keys()) assert.ok(Object.hasOwn(CONFIG_KEYS, key))
    }),
    { numRuns: 300 },
  )
})

test.run()
