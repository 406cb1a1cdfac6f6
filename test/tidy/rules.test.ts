/** Every rule of the tidy test, shown a violation planted for it, and something innocent that looks like one. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { databaseFreeNodes, deadFiles, importsOf, wayTo } from './imports.ts'
import { layers, timeAndChance } from './layers.ts'
import { namedInVain, undocumented, unknownErrors, unusedErrors, unusedKeys } from './registers.ts'
import { longFiles, longLines, onlyTests, printing, silentHooks, unfinished } from './style.ts'
import { type SourceFile, type Violation, without } from './tree.ts'

const file = (path: string, text: string): SourceFile => ({ path, text })
const found = (violations: readonly Violation[]): string[] => violations.map(v => `${v.path}:${v.line}`)

test('comments and strings are told from code', () => {
  const text = `a('x//y') // b\n/* c */ d(\`e \${f('g')} h \${{ i: \`j\` }.i} k\`) / l / m\nn = /'o\`/.test(p)`
  const code = without(text, 'comment', 'string').replace(/\s+/g, ' ')
  assert.is(code, 'a( ) d( f( ) { i: }.i ) / l / m n = .test(p)')
  assert.is(without(text, 'comment').length, text.length)
})

test('imports of every form are seen', () => {
  const text = [
    "import a, { b } from './a.ts'",
    "import type { C } from './c.ts'",
    "import './d.ts'",
    "export * from '../e.ts'",
    "import {\n  f,\n  g,\n} from 'pkg/f'",
    "const h = await import('./h.ts')",
    "let i: typeof import('./i.ts')",
    "require('j')",
    `import(\`\${k}\`)`,
    "// import './no.ts'",
    'const s = "import(\'./no.ts\')"',
  ].join('\n')
  const seen = importsOf(file('x/y.ts', text)).map(i => `${i.file ?? i.specifier}${i.typeOnly ? ' type' : ''}`)
  assert.equal(seen, ['x/a.ts', 'x/c.ts type', 'x/d.ts', 'e.ts', 'pkg/f', 'x/h.ts', 'x/i.ts type', 'j', 'null'])
})

test('layers: what a folder may not know', () => {
  const planted: readonly (readonly [string, string])[] = [
    ['actors/host/host.ts', "import { Client } from 'pg'"],
    ['actors/host/host.ts', "import { Dealer } from 'zeromq'"],
    ['actors/host/host.ts', "import { readFileSync } from 'node:fs'"],
    ['actors/host/host.ts', "import { rm } from 'fs/promises'"],
    ['actors/host/host.ts', "import { spawn } from 'node:child_process'"],
    ['actors/host/host.ts', "import { randomUUID } from 'node:crypto'"],
    ['actors/host/host.ts', "import { x } from '../../supervisors/x.ts'"],
    ['actors/hypervisor/drivers/process.ts', "import { sql } from 'kysely'"],
    ['supervisors/node.ts', "const db = await import('@mikro-orm/core')"],
    ['supervisors/node.ts', "import { WebSocket } from 'ws'"],
    ['supervisors/node.ts', "import fastify from 'fastify'"],
    ['supervisors/node.ts', 'await import(name)'],
    ['transport/http/compute/servers.ts', "import { build } from '../../../actors/operation/catalogue/build.ts'"],
    ['transport/link.ts', "import type { Journal } from '../persistence/journal.ts'"],
    ['persistence/journal.ts', "import { instance } from '../actors/instance/instance.ts'"],
    ['supervisors/node.ts', "import { text } from '../bin/call.ts'"],
    ['bin/baton.ts', "import { skip } from '../test/support/skip.ts'"],
  ]
  for (const [path, text] of planted) assert.equal(found(layers([file(path, text)])), [`${path}:1`], text)
})

test('layers: what is allowed', () => {
  const innocent: readonly (readonly [string, string])[] = [
    ['actors/hypervisor/drivers/process.ts', "import { spawn } from 'node:child_process'"],
    ['persistence/database.ts', "import { Pool } from 'pg'\nimport { x } from '../actors/kernel/errors.ts'"],
    ['transport/http/server.ts', "import fastify from 'fastify'\nimport type { ClusterApi } from '../../actors/api.ts'"],
    ['transport/http/server.ts', "import type { PowerState } from '../../actors/hypervisor/driver.ts'"],
    ['supervisors/node.ts', "import { x } from '../persistence/journal.ts'\nimport fs from 'node:fs'"],
    ['test/chaos/x.test.ts', "import pg from 'pg'"],
    ['actors/host/host.ts', "// import { Client } from 'pg'\nconst text = \"import 'pg'\""],
  ]
  for (const [path, text] of innocent) assert.equal(found(layers([file(path, text)])), [], text)
})

test('actors use no time and no chance of their own', () => {
  const planted = [
    'Date.now()',
    'new Date()',
    'Math.random()',
    'setTimeout(f, 1)',
    'setImmediate(f)',
    'performance.now()',
    'crypto.randomUUID()',
    'process.hrtime()',
  ]
  for (const text of planted) assert.equal(found(timeAndChance([file('actors/a.ts', `x\n${text}`)])), ['actors/a.ts:2'], text)
  for (const text of ['env.setTimeout(f)', '// Date.now()', "'Math.random()'", 'new Date(ms)', 'const performanceMs = 1'])
    assert.equal(found(timeAndChance([file('actors/a.ts', text)])), [], text)
  assert.equal(timeAndChance([file('actors/hypervisor/drivers/x.ts', 'Date.now()'), file('supervisors/x.ts', 'Date.now()')]), [])
})

const computeNode = (deep: string): SourceFile[] => [
  file('bin/commands/compute.ts', "import { start } from '../../supervisors/compute.ts'"),
  file('bin/commands/gateway.ts', ''),
  file('supervisors/compute.ts', "import type { Journal } from '../persistence/journal.ts'\nexport { x } from './deep.ts'"),
  file('supervisors/deep.ts', deep),
  file('persistence/journal.ts', "import pg from 'pg'"),
]

test('a database driver within reach of a compute host is found, however deep and however imported', () => {
  assert.equal(databaseFreeNodes(computeNode('')), [], 'a type is gone at run time')
  for (const deep of [
    "import pg from 'pg'",
    "await import('../persistence/journal.ts')",
    "import '@mikro-orm/core'",
    "require('kysely')",
    "import { sql, type X } from 'kysely'",
  ])
    assert.equal(found(databaseFreeNodes(computeNode(deep))), ['bin/commands/compute.ts:0'], deep)
  assert.equal(
    wayTo(computeNode("await import('../persistence/journal.ts')"), 'bin/commands/compute.ts', target => target === 'pg'),
    ['bin/commands/compute.ts', 'supervisors/compute.ts', 'supervisors/deep.ts', 'persistence/journal.ts', 'pg'],
  )
})

test('a node whose entry is missing is not taken for a clean one', () => {
  assert.equal(found(databaseFreeNodes([])), ['bin/commands/compute.ts:0', 'bin/commands/gateway.ts:0'])
})

test('dead files are found; entries, named and imported files live', () => {
  const files = [
    file('main.ts', "import './a.ts'\nspawn('workers/named.ts')"),
    file('a.ts', "import type { B } from './b.ts'"),
    file('b.ts', ''),
    file('workers/named.ts', ''),
    file('scripted.ts', ''),
    file('package.json', '{"scripts": {"x": "node scripted.ts"}}'),
    file('dead.ts', "// import './dead.ts'"),
    file('alone.ts', "import './alone.ts'"),
  ]
  assert.equal(found(deadFiles(files, path => path === 'main.ts')), ['dead.ts:0', 'alone.ts:0'])
})

test('long files and long lines, but not of docs and data', () => {
  const lines = (count: number): string => 'x\n'.repeat(count)
  assert.equal(found(longFiles([file('a.ts', lines(400)), file('b.ts', lines(401)), file('c.md', lines(999))])), ['b.ts:0'])
  assert.equal(found(longLines([file('a.ts', `\n${'x'.repeat(151)}`), file('b.sh', 'x'.repeat(150)), file('c.md', 'x'.repeat(999))])), ['a.ts:2'])
})

test('marks of unfinished work, even in comments', () => {
  for (const word of ['TO' + 'DO', 'FIX' + 'ME', 'XX' + 'X']) assert.equal(found(unfinished([file('a.md', `\n<!-- ${word}: later -->`)])), ['a.md:2'])
  assert.equal(unfinished([file('a.ts', 'const todo = 1 // methodology')]), [])
})

test('printing outside the CLI, and tests that run alone', () => {
  const text = 'console.log(1)'
  assert.equal(found(printing([file('actors/a.ts', text), file('bin/a.ts', text), file('test/a.ts', text), file('bench/a.ts', text)])), [
    'actors/a.ts:1',
  ])
  assert.equal(printing([file('actors/a.ts', '// console.log')]), [])
  assert.equal(found(onlyTests([file('test/a.test.ts', "test.only('x', f)"), file('test/b.test.ts', "'.only('")])), ['test/a.test.ts:1'])
  const hooks = [file('test/a.test.ts', 'test.before(() => x)'), file('test/b.test.ts', 'test.after.each(shown(() => x))')]
  assert.equal(found(silentHooks(hooks)), ['test/a.test.ts:1'])
})

test('errors that are raised but unknown, or known but never raised', () => {
  const raised = "throw new BatonError('NotFuond', 'x')\nreturn refuse(\n  'Conflict', 'y')"
  assert.equal(found(unknownErrors([file('actors/a.ts', raised)], ['NotFound', 'Conflict'])), ['actors/a.ts:1'])
  assert.equal(unknownErrors([file('test/a.ts', `const planted = "refuse('Nope')"\nrefuse('full')`)], []), [])
  const used = [
    file('actors/a.ts', "fault('Conflict') // 'NotFound'"),
    file('test/a.ts', "'NotFound'"),
    file('actors/kernel/errors.ts', "'NotFound'"),
  ]
  assert.equal(
    unusedErrors(used, ['NotFound', 'Conflict']).map(v => v.what),
    ['NotFound is never raised'],
  )
})

test('configuration keys that nobody reads', () => {
  const files = [
    file('supervisors/config/config-table.ts', "'http.port' 'log.level'"),
    file('supervisors/a.ts', 'config.http.port'),
    file('test/a.ts', 'config.log.level'),
  ]
  assert.equal(
    unusedKeys(files, ['http.port', 'log.level']).map(v => v.what),
    ['nobody reads log.level'],
  )
})

test('names that the README does not have', () => {
  const readme = '`baton up`, `baton node drain <node>`, baton down'
  const missing = undocumented(readme, 'command', ['baton up', 'baton node drain', 'baton down', 'baton node'])
  assert.equal(
    missing.map(v => v.what.split(';')[0]),
    ['has no command baton down'],
  )
})

test('a document names only files that there are', () => {
  const text = 'first `actors/kernel/env.ts`, `kernel/env.ts` and `env.ts`\nthen `nel/env.ts` and `notes.md`, but no `folder/` or env.js'
  assert.equal(found(namedInVain([file('A.md', text)], [file('actors/kernel/env.ts', '')])), ['A.md:2', 'A.md:2'])
})

test.run()
