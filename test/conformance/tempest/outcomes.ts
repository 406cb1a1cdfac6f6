/**
 * What became of each test. Tempest tells of tests and of classes: when a class is skipped or fails before its first test, there is one
 * line about the class and none about its tests. Here every test that was asked for has exactly one outcome.
 */

/** One line of `results.py`. */
export interface Told {
  readonly id: string
  readonly status: string
  readonly reason: string
  readonly seconds: number
}

export interface Outcome {
  /** Without attributes: `tempest.api.compute.servers.test_servers.ServersTestJSON.test_create_server`. */
  readonly id: string
  readonly status: 'passed' | 'failed' | 'skipped'
  readonly reason: string
}

const STATUS: Readonly<Record<string, Outcome['status']>> = {
  success: 'passed',
  skip: 'skipped',
  fail: 'failed',
  xfail: 'skipped',
  uxsuccess: 'failed',
  inprogress: 'failed',
}

const classOf = (id: string): string => id.slice(0, id.lastIndexOf('.'))
const ABOUT_CLASS = /^(?:setUpClass|tearDownClass) \((.+)\)$/

/** In the order of `ids`. A class whose tearing down failed has failed with the first of its tests. */
export function outcomesOf(ids: readonly string[], told: readonly Told[]): Outcome[] {
  const tests = new Map<string, Told>()
  const classes = new Map<string, Told>()
  for (const line of told) {
    if (STATUS[line.status] === undefined) continue
    const about = ABOUT_CLASS.exec(line.id)?.[1]
    if (about === undefined) tests.set(line.id.replace(/\[.*$/, ''), line)
    else if (STATUS[line.status] !== 'passed') classes.set(about, line)
  }
  return ids.map(id => {
    const own = tests.get(id)
    const whole = classes.get(classOf(id))
    const failedAfterwards = whole?.id.startsWith('tearDownClass') && ids.find(other => classOf(other) === classOf(id)) === id
    const line = own && !failedAfterwards ? own : (whole ?? own)
    if (!line) return { id, status: 'failed', reason: 'Tempest told nothing of it' }
    return { id, status: STATUS[line.status] ?? 'failed', reason: line.reason }
  })
}
