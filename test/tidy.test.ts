/** The repository, read by its own rules. Each rule is a pure function in test/tidy/, tested with planted violations. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ERRORS } from '../actors/kernel/errors.ts'
import { asyncApiDocument } from '../bin/async-api.ts'
import { COMMANDS } from '../bin/commands.ts'
import { metricsDocument } from '../bin/metrics-document.ts'
import { novaDocument } from '../bin/nova-document.ts'
import { openApiText } from '../bin/openapi-document.ts'
import { withReference } from '../bin/reference.ts'
import { stateDocument } from '../bin/state-diagram.ts'
import { CONFIG_KEYS } from '../supervisors/config/config-table.ts'
import { databaseFreeNodes, deadFiles, wayTo } from './tidy/imports.ts'
import { layers, timeAndChance } from './tidy/layers.ts'
import { namedInVain, undocumented, unknownErrors, unusedErrors, unusedKeys } from './tidy/registers.ts'
import { longFiles, longLines, onlyTests, printing, silentHooks, unfinished } from './tidy/style.ts'
import { readTree, type Violation } from './tidy/tree.ts'

const files = readTree(resolve(import.meta.dirname, '..'))
const readme = files.find(f => f.path === 'README.md')?.text ?? ''
const codes = Object.keys(ERRORS)
const keys = Object.keys(CONFIG_KEYS)

const ENTRIES = new Set([
  'bin/baton.ts',
  'bin/docs.ts',
  'bin/openapi.ts',
  'test/run.ts',
  'test/sim/main.ts',
  'test/scenarios/main.ts',
  'bench/main.ts',
  'test/sim/planted/register.ts',
  'supervisors/watchdog/main.ts',
])
const isEntry = (path: string): boolean => ENTRIES.has(path) || path.endsWith('.test.ts')

const none = (violations: readonly Violation[]): void =>
  assert.is(violations.map(v => `${v.path}${v.line > 0 ? `:${v.line}` : ''} ${v.what}`).join('\n'), '')

test('the layers know only what is below them', () => none(layers(files)))
test('actors take time and chance from Env', () => none(timeAndChance(files)))
test('compute hosts and gateways never load a database driver', () => none(databaseFreeNodes(files)))
test('the watchdog loads no link and no database', () =>
  assert.is(
    wayTo(files, 'supervisors/watchdog/main.ts', target => /^(?:transport|persistence)\//.test(target)),
    null,
  ))
test('no file is dead', () => none(deadFiles(files, isEntry)))
test('no file is long', () => none(longFiles(files)))
test('no line is long', () => none(longLines(files)))
test('nothing is left unfinished', () => none(unfinished(files)))
test('only the CLI prints', () => none(printing(files)))
test('no test runs alone', () => none(onlyTests(files)))
test('every hook says what it throws', () => none(silentHooks(files)))
test('every error raised is in the table', () => none(unknownErrors(files, codes)))
test('every error of the table is raised', () => none(unusedErrors(files, codes)))
test('every configuration key is read', () => none(unusedKeys(files, keys)))

test('every error, command and key stands in the README', () =>
  none([
    ...undocumented(readme, 'error', codes),
    ...undocumented(
      readme,
      'command',
      COMMANDS.map(c => `baton ${c.path}`),
    ),
    ...undocumented(readme, 'configuration key', keys),
  ]))

test('every file that the documents name is there', () =>
  none(
    namedInVain(
      files.filter(f => /^(?:[A-Z]+|docs\/.*)\.md$/.test(f.path)),
      files,
    ),
  ))

test('the tables of the README are those of the code (`npm run docs`)', () => assert.is(readme, withReference(readme)))

test('docs/nova-api.md is that of the code (`npm run docs`)', () => assert.is(files.find(f => f.path === 'docs/nova-api.md')?.text, novaDocument()))

test('docs/metrics.md is that of the code (`npm run docs`)', () => assert.is(files.find(f => f.path === 'docs/metrics.md')?.text, metricsDocument()))

test('docs/openapi.json is that of the code (`npm run openapi`)', () => {
  // Not `assert.is`: the difference of two such long texts takes minutes to draw.
  assert.ok(readFileSync(new URL('../docs/openapi.json', import.meta.url), 'utf8') === openApiText(), 'run `npm run openapi`')
})

test('docs/asyncapi.yaml is that of the code (`npm run docs`)', () =>
  assert.is(readFileSync(resolve(import.meta.dirname, '../docs/asyncapi.yaml'), 'utf8'), asyncApiDocument()))

test('docs/states.md is that of the code (`npm run docs`)', () => assert.is(files.find(f => f.path === 'docs/states.md')?.text, stateDocument()))

test.run()
