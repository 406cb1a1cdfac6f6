import type { Planted } from './planted.ts'

export const foreignAgentBelieved: Planted = {
  name: 'foreign-agent-believed',
  what: 'An agent that names another guest is listened to.',
  file: 'actors/guest/session.ts',
  find: "said.instance !== '' && said.instance !== instance",
  replace: "said.instance !== '' && said.instance === '?'",
}
