import { ActorEntity, EventEntity, SnapshotEntity } from './journal.ts'
import { ClusterClockEntity, ConductorEntity, ShardEntity, ShardMapEntity } from './membership.ts'
import { DiskEntity, FlavorEntity, HostEntity, ImageEntity, InstanceEntity, OperationEntity } from './views.ts'

export const ENTITIES = [
  EventEntity,
  ActorEntity,
  SnapshotEntity,
  InstanceEntity,
  OperationEntity,
  HostEntity,
  FlavorEntity,
  ImageEntity,
  DiskEntity,
  ConductorEntity,
  ShardEntity,
  ShardMapEntity,
  ClusterClockEntity,
]
