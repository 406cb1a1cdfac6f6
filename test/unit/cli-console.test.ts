/** `baton console` as a program, before a cluster in memory: by a pipe, on a terminal, and as a URL. */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BATON } from '../support/cluster.ts'
import { ADMIN_PASSWORD } from '../support/identity.ts'
import { createPageWorld, type PageWorld } from '../support/page-world.ts'
import { skip } from '../support/skip.ts'

const ID = '4be6c5d0-8a5f-4a53-9c42-0d3f6d0d2f11'
const WAIT_MS = 20_000
/** Runs a command on a terminal of its own (util-linux). */
const SCRIPT = '/usr/bin/script'

interface Ended {
  readonly code: number | null
  readonly said: string
}

/** Types each text when the one before it has been seen. */
type Typing = readonly (readonly [seen: string, type: string])[]

async function inWorld(fn: (world: PageWorld, run: (command: readonly string[], typing?: Typing) => Promise<Ended>) => Promise<void>): Promise<void> {
  const world = await createPageWorld({ hosts: 1 })
  const asked = { project: 'default', flavor: 'small', image: 'fake', metadata: {}, reservation: 'r', requestId: 'q' }
  await world.fake.api.createInstances({ ids: [ID], name: 'shop', ...asked })
  world.finish(ID)
  world.setInstance(ID, { host: 'compute-1' })
  const token = await world.identity.token('admin', ADMIN_PASSWORD)
  const env = { ...process.env, OS_TOKEN: token, OS_AUTH_TYPE: 'token', OS_AUTH_URL: `${world.origin}/identity`, BATON_ENDPOINT: world.origin }
  try {
    await fn(world, async ([file = '', ...args], typing = []) => {
      const child = spawn(file, args, { env })
      const late = setTimeout(() => child.kill('SIGKILL'), WAIT_MS)
      const left = [...typing]
      let said = ''
      const hear = (data: Buffer): void => {
        said += data
        while (left[0] && said.includes(left[0][0])) child.stdin.write(left.shift()?.[1] ?? '')
        if (typing.length > 0 && left.length === 0 && file === BATON) child.stdin.end()
      }
      for (const stream of [child.stdout, child.stderr]) stream.on('data', hear)
      if (typing.length === 0) child.stdin.end()
      const code = await new Promise<number | null>(resolve => child.once('close', resolve))
      clearTimeout(late)
      return { code, said }
    })
  } finally {
    await world.close()
  }
}

test('a URL, of a line and of a screen; a terminal shows no screen', () =>
  inWorld(async (world, run) => {
    const plain = await run([BATON, 'console', 'shop', '--url'])
    assert.match(plain.said, new RegExp(`^${world.origin.replace('http', 'ws')}/remote-console\\?token=\\S+\\n$`))
    const { said } = await run([BATON, 'console', ID, '--type', 'novnc', '--json'])
    const screen = JSON.parse(said)
    assert.equal([screen.id, screen.type, screen.url.startsWith(`${world.origin}/#/screen?token=`)], [ID, 'novnc', true])
    const refused = await run([BATON, 'console', 'shop', '--type', 'novnc'])
    assert.equal([refused.code, /add --url/.test(refused.said)], [2, true], refused.said)
    assert.is((await run([BATON, 'console', 'shop', '--type', 'rdp'])).code, 2)
    assert.is((await run([BATON, 'console', 'nobody'])).code, 3)
  }))

test('by a pipe: what is sent is answered, and it ends when the input has', () =>
  inWorld(async (world, run) => {
    const { code, said } = await run(
      [BATON, 'console', 'shop', '--seconds', '0'],
      [
        ['login: ', 'root\r'],
        ['you typed a line', '~.\r'],
      ],
    )
    assert.equal([code, /login: root\r\nyou typed a line/.test(said)], [0, true], said)
    assert.match(world.guest.opened[0]?.heard() ?? '', /^root\r/)
  }))

test('on a terminal: keys go to the guest one by one, ~. leaves, and the terminal is as it was', () =>
  inWorld(async (world, run) => {
    if (!existsSync(SCRIPT)) return skip('no script(1) here to make a terminal')
    const command = `stty -a; ${BATON} console shop; echo left; stty -a`
    const { said } = await run(
      [SCRIPT, '-qec', command, '/dev/null'],
      [
        ['login: ', 'ro\x7f\x03ot\r'],
        ['you typed a line', '~?'],
        ['shows this', '~.'],
      ],
    )
    const [before = '', after = ''] = [said.split('\r\n\r')[0], said.split('left')[1]]
    assert.ok(/[^-]icanon/.test(before) && /[^-]icanon/.test(after) && /[^-]echo\b/.test(after), said)
    assert.is(world.guest.opened[0]?.heard(), 'ro\x7f\x03ot\r', 'also what a terminal would keep for itself')
  }))

test('the guest ends: the command says why, and ends', () =>
  inWorld(async (world, run) => {
    const running = run([BATON, 'console', 'shop', '--seconds', '20'], [['login: ', 'x\r']])
    const endMs = performance.now() + WAIT_MS
    while (!world.guest.opened[0]?.heard() && performance.now() < endMs) await new Promise(resolve => setTimeout(resolve, 20))
    world.guest.opened[0]?.end('the guest has been switched off')
    const { code, said } = await running
    assert.equal([code, /\[the guest has been switched off\]/.test(said)], [0, true], said)
  }))

test.run()
