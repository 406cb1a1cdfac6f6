/** The openstack client from Debian: chapters of commands, two at a time, each command checked for its result. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { inWords, NOTHING, type Part } from '../part.ts'
import { flavors, places as hosts, keyPairs, shares } from './compute.ts'
import { people, places } from './identity.ts'
import { images } from './images.ts'
import { withPeople } from './people.ts'
import { resourceProviders } from './placement.ts'
import { serverChanges, serverGroups, serverLife } from './servers.ts'
import { type Client, type Result, startSession } from './session.ts'

const LANES: readonly (readonly ((client: Client) => Promise<void>)[])[] = [
  [serverLife, serverGroups, keyPairs, shares],
  [serverChanges, flavors, people, places, images, resourceProviders],
  // Alone, in the end: it takes hosts away from the others.
  [hosts],
]

const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0)

/** Seconds that the client needs to say its version. */
async function startUp(): Promise<number> {
  const begun = performance.now()
  await promisify(execFile)('/usr/bin/openstack', ['--version'])
  return (performance.now() - begun) / 1000
}

export const openstackClient: Part = {
  name: 'openstackclient',
  needs: { program: 'openstack', package: 'python3-openstackclient' },
  async run(subject, _asked, say) {
    const people = { ...subject, cloudsFile: await withPeople(subject.cloudsFile) }
    const lane = async (chapters: (typeof LANES)[number]): Promise<readonly Result[]> => {
      const session = startSession(people)
      try {
        for (const chapter of chapters) await chapter(session)
      } finally {
        await session.end()
      }
      return session.results
    }
    const [one = [], two = [], ...alone] = LANES
    const results = (await Promise.all([lane(one), lane(two)])).flat()
    for (const chapters of alone) results.push(...(await lane(chapters)))
    for (const { command, problem } of results) if (problem !== null) say(`FAIL openstack ${command}\n     ${problem}`)
    const failed = results.filter(result => result.problem !== null).length
    const seconds = sum(results.map(result => result.seconds))
    const each = (seconds / results.length).toFixed(2)
    say(`${results.length} commands of ${each} s each; \`openstack --version\`, which asks nobody, takes ${(await startUp()).toFixed(2)} s`)
    const tally = { ...NOTHING, passed: results.length - failed, failed }
    say(inWords(tally))
    return tally
  },
}
