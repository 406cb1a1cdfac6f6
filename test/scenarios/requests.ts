/** What clients and operators ask for, each by the request that they would send. */
import { type ActOnInstance, GROUP_POLICIES, type InstanceAction } from '../../actors/api.ts'
import { FAKE_IMAGE } from '../../actors/hypervisor/drivers/images.ts'
import { ACTIONS } from '../../actors/instance/states.ts'
import type { Command } from './commands.ts'
import { CREATE } from './create.ts'
import { idOf, type Stage } from './stage.ts'
import { namesOf } from './words.ts'

type Details = Omit<ActOnInstance, 'id' | 'action' | 'requestId'>

function act(stage: Stage, names: string, action: InstanceAction, detailsOf: (name: string) => Details): void {
  for (const name of namesOf(names)) {
    const id = stage.idOf(name)
    stage.ask(
      (api, requestId) => api.actOnInstance({ id, action, ...detailsOf(name), requestId }),
      ({ operation }, requestId) => stage.history.acted.set(requestId, { instance: id, operation }),
    )
  }
}

function remove(stage: Stage, names: string, force: boolean): void {
  for (const name of namesOf(names)) {
    const id = stage.idOf(name)
    stage.ask(
      (api, requestId) => api.deleteInstance({ id, force, requestId }),
      () => {
        // What is deleted softly may come back.
        if (force || !stage.world.settings.timers?.reclaimMs) stage.history.deleted.set(id, stage.loop.nowMs())
      },
    )
  }
}

/** The image that a snapshot of this instance makes. */
const imageOf = (name: string) => ({ image: idOf(`image of ${name}`), name: `image of ${name}`, properties: {} })

/** Actions that need to be told more, and how it is said. */
const WITH_DETAILS: readonly Command[] = [
  { usage: 'reboot NAME hard', run: (stage, [names = '']) => act(stage, names, 'reboot', () => ({ mode: 'hard' })) },
  { usage: 'resize NAME to WORD', run: (stage, [names = '', flavor]) => act(stage, names, 'resize', () => ({ flavor })) },
  { usage: 'migrate NAME to NODE', run: (stage, [names = '', host]) => act(stage, names, 'migrate', () => ({ host })) },
  { usage: 'live-migrate NAME to NODE', run: (stage, [names = '', host]) => act(stage, names, 'live-migrate', () => ({ host })) },
  { usage: 'evacuate NAME to NODE', run: (stage, [names = '', host]) => act(stage, names, 'evacuate', () => ({ host })) },
  { usage: 'rebuild NAME', run: (stage, [names = '']) => act(stage, names, 'rebuild', () => ({ image: FAKE_IMAGE.id })) },
  { usage: 'snapshot NAME', run: (stage, [names = '']) => act(stage, names, 'snapshot', name => ({ snapshot: imageOf(name) })) },
  { usage: 'attach-disk WORD to NAME', run: (stage, [disk = '', names = '']) => act(stage, names, 'attach-disk', () => ({ disk: { id: disk } })) },
  { usage: 'detach-disk WORD from NAME', run: (stage, [disk = '', names = '']) => act(stage, names, 'detach-disk', () => ({ disk: { id: disk } })) },
]

const OPERATOR: readonly Command[] = [
  {
    usage: 'cancel NAME',
    run(stage, [names = '']) {
      for (const name of namesOf(names)) {
        const operation = stage.instance(name)?.operation
        if (!operation) throw new Error(`nothing of ${name} is under way`)
        stage.ask(api => api.cancelOperation({ id: operation }))
      }
    },
  },
  { usage: 'lock NAME', run: (stage, [name = '']) => stage.ask(api => api.lockInstance({ id: stage.idOf(name) })) },
  { usage: 'unlock NAME', run: (stage, [name = '']) => stage.ask(api => api.unlockInstance({ id: stage.idOf(name) })) },
  {
    usage: 'reset NAME to error',
    run: (stage, [name = '']) => stage.ask(api => api.resetInstance({ id: stage.idOf(name), state: 'error' })),
  },
  ...GROUP_POLICIES.map(
    (policy): Command => ({
      usage: `group NAME ${policy}`,
      run: (stage, [name = '']) => stage.ask(api => api.createGroup({ id: name, name, project: 'shop', policy })),
    }),
  ),
  {
    usage: 'quota of NAME NUMBER instances',
    run: (stage, [id = '', count]) => stage.ask(api => api.setQuota({ id, limits: { instances: Number(count) } })),
  },
  ...(['enable', 'disable'] as const).map(
    (verb): Command => ({
      usage: `${verb} NODE`,
      run(stage, [word = '']) {
        for (const id of stage.nodes(word)) stage.ask(api => api.setHostEnabled({ id, enabled: verb === 'enable' }))
      },
    }),
  ),
  {
    usage: 'fence NODE',
    run(stage, [word = '']) {
      for (const id of stage.nodes(word)) stage.ask(api => api.fenceHost({ id }))
    },
  },
  {
    usage: 'drain NODE',
    run(stage, [word = '']) {
      // A host is emptied of instances, a conductor of actors.
      for (const id of stage.nodes(word)) {
        if (stage.world.stores.has(id)) stage.ask((api, requestId) => api.drainHost({ id, requestId }))
        else stage.ask(api => api.drainNode({ id }))
      }
    },
  },
  {
    usage: 'undrain NODE',
    run(stage, [word = '']) {
      for (const id of stage.nodes(word)) stage.ask(api => api.undrainHost({ id }))
    },
  },
]

export const REQUESTS: readonly Command[] = [
  CREATE,
  ...WITH_DETAILS,
  ...OPERATOR,
  { usage: 'delete NAME now', run: (stage, [names = '']) => remove(stage, names, true) },
  { usage: 'delete NAME', run: (stage, [names = '']) => remove(stage, names, false) },
  ...ACTIONS.map((action): Command => ({ usage: `${action} NAME`, run: (stage, [names = '']) => act(stage, names, action, () => ({})) })),
]
