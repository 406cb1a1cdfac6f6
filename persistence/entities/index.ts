import { ActorEntity, EventEntity, SnapshotEntity } from './journal.ts'
import { ConductorEntity, ShardEntity, ShardMapEntity } from './membership.ts'
import { AggregatesEntity, FlavorEntity, HostEntity, InstanceEntity, OperationEntity, ServerGroupEntity } from './views.ts'

export const ENTITIES = [
  EventEntity,
  ActorEntity,
  SnapshotEntity,
  InstanceEntity,
  OperationEntity,
  HostEntity,
  FlavorEntity,
  ServerGroupEntity,
  AggregatesEntity,
  ConductorEntity,
  ShardEntity,
  ShardMapEntity,
]
