import { ActorEntity, EventEntity, SnapshotEntity } from './journal.ts'
import { ConductorEntity, ShardEntity, ShardMapEntity } from './membership.ts'
import { FlavorEntity, HostEntity, InstanceEntity, OperationEntity } from './views.ts'

export const ENTITIES = [
  EventEntity,
  ActorEntity,
  SnapshotEntity,
  InstanceEntity,
  OperationEntity,
  HostEntity,
  FlavorEntity,
  ConductorEntity,
  ShardEntity,
  ShardMapEntity,
]
