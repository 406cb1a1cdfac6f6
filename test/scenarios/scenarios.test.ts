/** Every scenario goes as its `expected` says. On a machine with much else to do, time limit: 120 s. */
import { suite } from 'uvu'
import { judgeScenario, scenarioNames } from './folder.ts'

const scenarios = suite('scenarios')

for (const name of scenarioNames()) {
  scenarios(name, async () => {
    const { about, problems } = await judgeScenario(name)
    if (problems.length > 0) throw new Error([about, ...problems, `If this is as it should be: npm run scenarios -- ${name} --update`].join('\n'))
  })
}

scenarios.run()
