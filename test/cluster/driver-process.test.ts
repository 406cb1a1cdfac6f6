/** What only real processes can show: survival, identity, limits, floods, and that nothing is left. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { get } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { HypervisorDriver } from '../../actors/hypervisor/driver.ts'
import { isAlive, statOf } from '../../actors/hypervisor/drivers/process/proc.ts'
import { metadataDoor } from '../../transport/metadata-server.ts'
import { eventually, guestIn, rejects, specOf } from '../support/driver-contract.ts'
import { canRunProcesses, capabilities, type ProcessBench, processBench } from '../support/driver-process-bench.ts'
import { followStream } from '../support/follow-stream.ts'

const A = 'aaaaaaaa-0000-4000-8000-000000000001'
const AGENT = fileURLToPath(new URL('../support/driver-agent.ts', import.meta.url))
const SUPERVISE = fileURLToPath(new URL('../../actors/hypervisor/drivers/process/guest/supervise.sh', import.meta.url))

function check(what: string, run: (bench: ProcessBench) => Promise<void>, can?: Parameters<typeof processBench>[0]): void {
  test(what, async () => {
    const bench = await processBench(can)
    try {
      await run(bench)
    } finally {
      await bench.dispose()
    }
  })
}

/** A driver whose image `test` runs this script as the guest's init. */
async function withImage(bench: ProcessBench, script: string) {
  const init = join(bench.folder, 'init.sh')
  await writeFile(init, script)
  return bench.open({ images: { test: init } })
}

/** Runs an agent; resolves when it has said `line`. The caller kills it. */
async function agentThatSays(line: string, ...args: string[]): Promise<ChildProcess> {
  const agent = spawn(process.execPath, [AGENT, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  if (!agent.stdout) throw new Error('no output to read')
  for await (const said of createInterface({ input: agent.stdout })) if (said === line) return agent
  throw new Error(`the agent ended without saying ${line}`)
}

async function textOf(answer: AsyncIterable<Buffer>): Promise<string> {
  let text = ''
  for await (const chunk of answer) text += chunk
  return text
}

async function killAndWait(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

/** How many processes of the built-in image's init there are. */
async function initsOf(bench: ProcessBench): Promise<number> {
  const commands = await Promise.all((await bench.pids()).map(pid => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return commands.filter(command => /^\/bin\/sh\0[^\0]*\/init\.sh\0/.test(command)).length
}

check('a guest outlives the kill -9 of its agent, and the next agent finds the same process', async bench => {
  const agent = await agentThatSays('done spawn 1', bench.folder, A, bench.image, 'spawn', '1')
  const before = await statOf(await bench.initPid(A))
  await killAndWait(agent)
  const driver = await bench.open()
  assert.equal(await guestIn(driver, A), { instance: A, power: 'running', order: 1 })
  assert.ok(before && (await isAlive(before)))
  await driver.spawn(specOf(A, bench.image), 1)
  assert.is((await statOf(await bench.initPid(A)))?.startTicks, before?.startTicks)
})

const serialOf = (driver: HypervisorDriver) => followStream(driver, A, 'serial')

check('the console of the built-in image answers what is typed, and runs nothing of it; the end of the guest is told', async bench => {
  const driver = await bench.open()
  await driver.spawn(specOf(A, bench.image), 1)
  const { stream, text, ended } = await serialOf(driver)
  const says = (words: string) => eventually(`${words} in ${text()}`, async () => text().includes(words))
  await says('boot complete')
  stream.write(Buffer.from('idx\x7f\r'))
  await says(`instance ${A}, named test guest\r\n`)
  stream.write(Buffer.from('echo * $(id) `id`; id\r'))
  await says('\r\n* $(id) `id`; id\r\n')
  const later = await bench.open()
  const second = await serialOf(later)
  await eventually('what was before', async () => second.text().includes('boot complete'))
  second.stream.close()
  stream.write(Buffer.from('poweroff\r'))
  await eventually('its end', async () => ended() === 'the guest has ended')
  assert.match(text(), /reached power-off/)
  assert.is((await guestIn(driver, A))?.power, 'shutdown')
  await rejects('DriverFault', serialOf(driver), /is shutdown: a console is there while it is on/)
  await rejects('DriverUnsupported', driver.openStream?.(A, 'vnc') ?? Promise.resolve(), /no screen/)
})

check('a line that is followed over full files has every line once; a guest that does not read holds nobody up', async bench => {
  // A page at a time: who is behind by more than a file misses some, because no guest waits for its reader, and 1024 writes may fill a file.
  const page = 'while [ $i -lt $to ]; do echo "this is line number $i."; i=$((i + 1)); done; echo page $to'
  const script = `i=0; to=500; while read -r go; do ${page}; to=$((to + 500)); [ $i -lt 20000 ] || break; done; echo over; sleep 60`
  const driver = await withImage(bench, script)
  await driver.spawn(specOf(A, 'test'), 1)
  const { stream, text } = await serialOf(driver)
  for (let page = 500; page <= 20_000; page += 500) {
    stream.write(Buffer.from('go\r'))
    await eventually(`page ${page}`, async () => text().includes(`page ${page}\r\n`), 30_000)
  }
  await eventually('the last line', async () => text().endsWith('over\r\n'), 30_000)
  const numbers = text().match(/(?<=number )\d+(?=\.)/g) ?? []
  assert.is(numbers.length, 20_000)
  assert.ok(numbers.every((number, i) => Number(number) === i))
  let taken = 0
  // It reads no more: what a pipe holds is taken, and then nothing.
  const line = Buffer.from(`${'x'.repeat(1000)}\r`)
  for (let i = 0; i < 200; i++) taken += stream.write(line)
  assert.ok(taken >= 60_000 && taken < 80_000, `${taken}`)
  stream.close()
})

check('a guest reads about itself on its socket, also from the agent that comes next, and says what it uses', async bench => {
  const about = { project: 'p', reservation: 'r', flavor: 'f', hostname: 'web-1', configDrive: true, userData: btoa('hello') }
  const script = 'echo "drive says $(cat "$BATON_CONFIG_DRIVE/openstack/latest/user_data")"; while :; do sleep 1; done'
  const init = join(bench.folder, 'init.sh')
  await writeFile(init, script)
  const options = { images: { test: init }, metadata: metadataDoor }
  const first = await bench.open(options)
  await first.spawn(specOf(A, 'test', { about }), 1)
  await eventually('the guest has read its drive', async () => (await first.consoleLog(A, 1000)).includes('drive says hello'))
  const environment = await readFile(`/proc/${await bench.initPid(A)}/environ`, 'utf8')
  const socket = /BATON_METADATA_SOCKET=([^\0]+)/.exec(environment)?.[1] ?? ''
  const hostname = () =>
    once(get({ socketPath: socket, path: '/latest/meta-data/hostname', agent: false }), 'response').then(([answer]) => textOf(answer))
  assert.is(await hostname(), 'web-1')
  const seen = await first.diagnostics?.(A)
  assert.is(seen?.state, 'running')
  assert.ok((seen?.memoryUsedMb ?? 0) >= 0 && (seen?.cpuTimeNs ?? -1) >= 0 && (seen?.uptimeS ?? -1) >= 0, JSON.stringify(seen))
  await first.close()
  const second = await bench.open(options)
  assert.is(await hostname(), 'web-1')
  await second.stop(A, 2, 0)
  assert.equal(await second.diagnostics?.(A), { state: 'shutdown', uptimeS: null, cpuTimeNs: null, memoryUsedMb: null })
  await second.close()
})

check('a spawn or reboot cut short by kill -9 at any moment is done exactly once when told again', async bench => {
  for (let round = 0; round < 8; round++) {
    const command = round === 0 ? 'spawn' : 'reboot'
    const agent = await agentThatSays('open', bench.folder, A, bench.image, command, `${round}`)
    await delay(round * 4)
    await killAndWait(agent)
    const driver = await bench.open()
    if (command === 'spawn') await driver.spawn(specOf(A, bench.image), round)
    else await driver.reboot(A, round, 'hard')
    assert.equal(await guestIn(driver, A), { instance: A, power: 'running', order: round })
    // For an instant a fork has the command line of what it was forked from.
    await eventually('exactly one init', async () => (await initsOf(bench)) === 1)
  }
  const effects = (await bench.history()).map(effect => `${effect.method} ${effect.order}`)
  assert.equal(effects, ['spawn 0', ...Array.from({ length: 7 }, (_, i) => `reboot ${i + 1}`)])
})

check('a supervisor that never hears `go` goes away and leaves no trace', async bench => {
  const folder = join(bench.folder, 'alone')
  await mkdir(folder)
  const child = spawn('/bin/sh', [SUPERVISE, folder, '1', '0', '/bin/false'], { stdio: ['pipe', 'ignore', 'ignore'] })
  child.stdin.end()
  const [code] = await once(child, 'exit')
  assert.is(code, 0)
  assert.equal(await readdir(folder), [])
})

check('a reused pid is not mistaken for the guest, nor harmed', async bench => {
  const first = await bench.open()
  await first.spawn(specOf(A, bench.image), 1)
  await bench.crash(first, A)
  await eventually('nothing runs', async () => (await bench.pids()).length === 0)
  const stranger = spawn('/bin/sleep', ['60'], { stdio: 'ignore' })
  try {
    await once(stranger, 'spawn')
    const pid = stranger.pid ?? 0
    const file = join(bench.folder, 'guests', `${A}.json`)
    const record = JSON.parse(await readFile(file, 'utf8'))
    const real = await statOf(pid)
    // The right pid at the wrong time, and the right pid and time in another boot.
    for (const wrong of [{ startTicks: record.run.startTicks }, { startTicks: real?.startTicks, bootId: 'another' }]) {
      await writeFile(file, JSON.stringify({ ...record, run: { ...record.run, pid, ...wrong } }))
      await writeFile(join(bench.runFolder(A), `init.${record.run.number}`), `${pid} ${wrong.startTicks}\n`)
      const driver = await bench.open()
      assert.is((await guestIn(driver, A))?.power, 'crashed')
      await driver.stop(A, 2, 0)
      assert.ok(real && (await isAlive(real)), 'the stranger lives')
    }
  } finally {
    await killAndWait(stranger)
  }
})

check('how a guest ended is known to an agent that was not there', async bench => {
  const driver = await withImage(bench, 'trap "exit 0" USR1\ntrap "exit 3" USR2\necho ready\nwhile :; do sleep 60 & wait $!; done\n')
  const ends = [
    ['SIGUSR1', 'shutdown'],
    ['SIGUSR2', 'crashed'],
    ['SIGKILL', 'crashed'],
  ] as const
  for (const [index, [signal, power]] of ends.entries()) {
    const instance = `a${index}`
    await driver.spawn(specOf(instance, 'test'), 1)
    await eventually('the guest is ready', async () => (await driver.consoleLog(instance, 1000)).includes('ready'))
    process.kill(await bench.initPid(instance), signal)
    await eventually(`${signal} means ${power}`, async () => (await guestIn(await bench.open(), instance))?.power === power)
  }
})

check('stop asks, waits, and then ends the whole tree, whatever it does about it', async bench => {
  const driver = await withImage(
    bench,
    'trap "echo no" TERM\nsetsid sleep 300 &\n(trap "" TERM HUP; sleep 300) &\necho ready\nwhile :; do sleep 300 & wait $!; done\n',
  )
  await driver.spawn(specOf(A, 'test'), 1)
  await eventually('the guest is ready', async () => (await driver.consoleLog(A, 1000)).includes('ready'))
  const startMs = performance.now()
  await driver.stop(A, 2, 300)
  const tookMs = performance.now() - startMs
  assert.ok(tookMs >= 300 && tookMs < 5_000, `${tookMs} ms`)
  assert.match(await driver.consoleLog(A, 1000), /no\n/)
  assert.equal(await bench.pids(), [])
  assert.is((await guestIn(driver, A))?.power, 'shutdown')
})

check('a destroy does not wait out the grace of a stop before it', async bench => {
  const driver = await withImage(bench, 'trap "" TERM\nwhile :; do sleep 300; done\n')
  await driver.spawn(specOf(A, 'test'), 1)
  const startMs = performance.now()
  const stop = driver.stop(A, 2, 60_000)
  await Promise.all([stop, driver.destroy(A, 3)])
  assert.ok(performance.now() - startMs < 10_000)
})

check('a guest that is stopped the moment it is up still ends in good order', async bench => {
  const driver = await bench.open()
  await driver.spawn(specOf(A, bench.image), 1)
  await driver.stop(A, 2, 10_000)
  assert.match(await driver.consoleLog(A, 10_000), /reached power-off/)
})

for (const [how, can] of [
  ['freezer', {}],
  ['SIGSTOP', { cgroups: null }],
] as const) {
  check(
    `a paused guest stands still (${how})`,
    async bench => {
      const driver = await withImage(bench, 'while :; do echo tick; sleep 0.01; done\n')
      await driver.spawn(specOf(A, 'test'), 1)
      const size = async () => (await stat(join(bench.runFolder(A), 'console'))).size
      await eventually('it ticks', async () => (await size()) > 10)
      await driver.pause(A, 2)
      const paused = await size()
      await delay(200)
      assert.is(await size(), paused)
      await driver.unpause(A, 3)
      await eventually('it ticks again', async () => (await size()) > paused)
    },
    can,
  )
}

check('a flood on the console stays bounded on disk, and its tail can be read', async bench => {
  const driver = await withImage(
    bench,
    'i=0; while [ $i -lt 60 ]; do head -c 100000 /dev/zero | tr "\\0" x; i=$((i+1)); done; echo; echo over; exec sleep 300\n',
  )
  await driver.spawn(specOf(A, 'test'), 1)
  const sizeOf = async (file: string) =>
    stat(join(bench.runFolder(A), file)).then(
      found => found.size,
      () => 0,
    )
  let largest = 0
  await eventually(
    'the flood is over',
    async () => {
      largest = Math.max(largest, (await sizeOf('console')) + (await sizeOf('console.old')))
      return (await driver.consoleLog(A, 100)).endsWith('over\n')
    },
    30_000,
  )
  assert.ok(largest > 100_000 && largest <= 1024 * 1024, `${largest} bytes`)
  assert.is((await driver.consoleLog(A, 100_000)).length, 100_000)
})

check('an instance is alone in its namespaces, and nothing of the agent reaches its environment', async bench => {
  if (!(await capabilities()).ownProc) return
  process.env.BATON_TEST_SECRET = 'secret'
  const driver = await withImage(
    bench,
    'echo "pids: $(echo /proc/[0-9]*)"; cat /proc/sys/kernel/hostname; tail -n +3 /proc/net/dev | wc -l; env; echo end; exec sleep 300\n',
  )
  const host = await readFile('/proc/sys/kernel/hostname', 'utf8')
  await driver.spawn(specOf(A, 'test'), 1)
  const text = await eventually('all is said', async () => {
    const said = await driver.consoleLog(A, 10_000)
    return said.includes('end\n') ? said : null
  })
  assert.match(text, /^pids: \/proc\/1( \/proc\/\d){0,2}\n/)
  assert.match(text, /\nbaton-aaaaaaaa\n\s*1\n/)
  assert.not.match(text, /secret/)
  assert.is(await readFile('/proc/sys/kernel/hostname', 'utf8'), host)
})

check('names and metadata are never code', async bench => {
  const driver = await bench.open()
  const proof = join(bench.folder, 'proof')
  const name = `$(touch ${proof}) \`touch ${proof}\` '; touch ${proof} #" %s \n\u001b[2J`
  await driver.spawn(specOf(A, bench.image, { name, metadata: { [`$(touch ${proof})`]: name } }), 1)
  const text = await eventually('boot', async () => {
    const said = await driver.consoleLog(A, 10_000)
    return said.includes('boot complete') ? said : null
  })
  assert.ok(text.includes(`named $(touch ${proof}) \`touch ${proof}\` '; touch ${proof} #" %s ??[2J\n`), text)
  assert.not((await readdir(bench.folder)).includes('proof'))
})

check('the memory limit ends a guest that goes over it', async bench => {
  if (!(await capabilities()).cgroups?.controllers.includes('memory')) return
  const driver = await withImage(bench, 'echo start; x=$(head -c 200000000 /dev/zero | tr "\\0" x); echo survived\n')
  await driver.spawn(specOf(A, 'test', { ramMb: 32 }), 1)
  await eventually('killed', async () => (await guestIn(driver, A))?.power === 'crashed', 20_000)
  assert.not.match(await driver.consoleLog(A, 1000), /survived/)
})

check('the process limit holds back a guest that forks without end', async bench => {
  if (!(await capabilities()).cgroups?.controllers.includes('pids')) return
  const driver = await withImage(bench, 'i=0; while [ $i -lt 700 ]; do sleep 300 & i=$((i+1)); done; echo all of them; exec sleep 300\n')
  await driver.spawn(specOf(A, 'test', { ramMb: 1024 }), 1)
  await eventually('refused', async () => /fork/i.test(await driver.consoleLog(A, 1000)), 20_000)
  assert.ok((await bench.pids()).length <= 512)
})

check('an image that is not here, and sizes that are none, are refused before anything starts', async bench => {
  const driver = await bench.open()
  await rejects('DriverFault', driver.spawn(specOf(A, 'no-such-image'), 1), /no-such-image is not on this host/)
  await rejects('DriverFault', driver.spawn(specOf(A, 'constructor'), 1), /not on this host/)
  await rejects('DriverFault', driver.spawn(specOf(A, bench.image, { ramMb: Number.NaN }), 1), /ramMb/)
  assert.equal(await driver.list(), [])
  await driver.spawn(specOf(A, bench.image), 1)
})

check('state is readable by its owner only', async bench => {
  const driver = await bench.open()
  await driver.spawn(specOf(A, bench.image), 1)
  for (const path of [bench.folder, join(bench.folder, 'guests'), join(bench.folder, 'run'), bench.runFolder(A)]) {
    assert.is((await stat(path)).mode & 0o777, 0o700, path)
  }
})

if (await canRunProcesses()) test.run()
