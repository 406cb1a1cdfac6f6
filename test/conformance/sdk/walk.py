"""The cloud layer of openstacksdk, unmodified: makes a server, waits for it, acts on it and deletes it.

Prints one line of JSON for each thing that was done: what, and what went wrong or null.
"""
import contextlib
import json
import sys

import openstack

cloud = openstack.connect(cloud='baton')


@contextlib.contextmanager
def step(name):
    problem = None
    try:
        yield
    except Exception as error:  # whatever it is, it is told
        problem = f'{type(error).__name__}: {error}'
    print(json.dumps({'name': name, 'problem': problem}), flush=True)
    if problem:
        sys.exit(1)


def same(found, expected):
    if found != expected:
        raise AssertionError(f'{found!r} instead of {expected!r}')


with step('finds flavors, images, zones and limits'):
    flavor = cloud.get_flavor('tiny')
    same((flavor.name, flavor.ram, flavor.vcpus), ('tiny', 64, 1))
    image = cloud.get_image('fake-image')
    same(image.status, 'active')
    same('nova' in cloud.list_availability_zone_names(), True)
    same(cloud.get_compute_limits().max_total_instances, -1)

with step('makes a server and waits for it'):
    # Not by `wait=True`: there the cloud layer takes a server without an address for a failure, and deletes it.
    server = cloud.create_server('by-sdk', image=image, flavor=flavor, auto_ip=False, meta={'made': 'by-sdk'})
    server = cloud.compute.wait_for_server(server, wait=60, interval=0.2)
    same((server.name, server.status, server.metadata['made']), ('by-sdk', 'ACTIVE', 'by-sdk'))

with step('finds it by name, by id and in lists'):
    same(cloud.get_server('by-sdk').id, server.id)
    same(cloud.get_server(server.id).name, 'by-sdk')
    same([found.id for found in cloud.list_servers()], [server.id])

with step('changes metadata'):
    cloud.set_server_metadata(server, {'colour': 'red'})
    same(cloud.get_server(server.id).metadata['colour'], 'red')
    cloud.delete_server_metadata(server, ['colour'])
    same('colour' in cloud.get_server(server.id).metadata, False)

for action, status in (('stop', 'SHUTOFF'), ('start', 'ACTIVE'), ('pause', 'PAUSED'), ('unpause', 'ACTIVE'), ('suspend', 'SUSPENDED'), ('resume', 'ACTIVE')):
    with step(f'{action} and waits until it is {status}'):
        getattr(cloud.compute, f'{action}_server')(server)
        cloud.compute.wait_for_server(cloud.compute.get_server(server.id), status=status, wait=60, interval=0.2)

with step('rebuilds and waits'):
    same(cloud.compute.wait_for_server(cloud.compute.rebuild_server(server, image=image.id), wait=60, interval=0.2).status, 'ACTIVE')

with step('resizes and confirms'):
    cloud.compute.resize_server(server, cloud.get_flavor('small'))
    cloud.compute.wait_for_server(cloud.compute.get_server(server.id), status='VERIFY_RESIZE', wait=60, interval=0.2)
    cloud.compute.confirm_server_resize(server)
    cloud.compute.wait_for_server(cloud.compute.get_server(server.id), status='ACTIVE', wait=60, interval=0.2)

with step('lists what was done to it'):
    # By its path: `server_actions` of this release refuses its own parameter before it asks anybody.
    told = cloud.compute.get(f'/servers/{server.id}/os-instance-actions').json()['instanceActions']
    actions = {action['action'] for action in told}
    same({'create', 'stop', 'start', 'resize', 'confirmResize'} <= actions, True)

with step('makes and deletes a key pair'):
    same(cloud.create_keypair('by-sdk').name, 'by-sdk')
    same(cloud.delete_keypair('by-sdk'), True)

with step('makes, fills and deletes an aggregate'):
    host = next(iter(cloud.list_hypervisors())).name
    aggregate = cloud.create_aggregate('by-sdk', availability_zone='sdk')
    same(cloud.add_host_to_aggregate(aggregate.id, host).hosts, [host])
    same(cloud.remove_host_from_aggregate(aggregate.id, host).hosts, [])
    same(cloud.delete_aggregate(aggregate.id), True)

with step('makes and deletes a project and a user'):
    project = cloud.create_project('by-sdk', 'default')
    user = cloud.create_user('by-sdk', password='a-long-password', default_project=project.id, domain_id='default')
    same(cloud.grant_role('member', user=user.id, project=project.id), True)
    same(cloud.delete_user(user.id), True)
    same(cloud.delete_project(project.id), True)

with step('says what is not there'):
    same(cloud.get_server('nobody'), None)

with step('deletes the server and waits'):
    same(cloud.delete_server(server.id, wait=True, timeout=60), True)
    same(cloud.get_server(server.id), None)
