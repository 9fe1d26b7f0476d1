#!/usr/bin/env python3
"""moto_server, with the gaps closed over which the real AWS provider stumbles on the way through a region.

  MOTO_ACCOUNT_ID=210987654321 python3 moto_server.py -H 127.0.0.1 -p 5000     the flags are moto_server's
  MOTO_PLAIN=1                                                          none of the gaps is closed

Each gap names its cause: what moto 5.2.1 answers, and what the provider makes of it. docs/testing.md has them in a table. Nothing in
here teaches moto a rule that AWS does not have.
"""
import copy
import hashlib
import json
import os
import re
import sys
import threading
import traceback
import uuid
from ipaddress import ip_network

import moto.autoscaling.models as autoscaling
import moto.ec2.models.instances as instances
import moto.ec2.models.nat_gateways as nat_gateways
import moto.ec2.models.route_tables as route_tables
import moto.ec2.models.vpcs as vpcs
import moto.ec2.models.vpn_connections as vpn
import moto.iam.access_control as access_control
import moto.route53.responses as route53
import moto.server as server
import werkzeug.serving as serving
from moto.core.exceptions import ServiceException
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.ec2.responses import EC2Response
from moto.ec2.utils import random_private_ip

ACCOUNT = os.environ.get("MOTO_ACCOUNT_ID", "123456789012")


def refuse_at_once():
    """moto answers 500 to an action that it lacks, and the provider repeats what got 500 up to 25 times, silently, for minutes.
    501 is not repeated, and the message says which action it was."""
    answer = BaseResponse.call_action

    def call_action(self):
        try:
            return answer(self)
        except NotImplementedError as missing:
            _, headers, body = self.serialized(ActionResult(ServiceException("NotImplemented", f"moto lacks {missing}")))
            headers["status"] = "501"
            return 501, headers, body

    BaseResponse.call_action = call_action


def connections():
    """moto answers in HTTP/1.0, where nothing shows that an answer was cut off. AWS speaks HTTP/1.1. moto still closes the connection after each
    answer; the proxy in tests/conformance/apiproxy keeps the connections of the provider open."""
    serving.WSGIRequestHandler.protocol_version = "HTTP/1.1"


def one_at_a_time():
    """moto serves each request in a thread of its own over shared dictionaries without locks: while one thread makes a parameter, another that
    lists parameters fails with "dictionary changed size during iteration"."""
    front, lock = server.DomainDispatcherApplication.__call__, threading.Lock()

    def call(self, environ, start_response):
        with lock:
            return front(self, environ, start_response)

    server.DomainDispatcherApplication.__call__ = call


def bucket_policies():
    """moto evaluates bucket policies without their conditions: a policy that denies requests without TLS denies all, the provider's own
    next read with 403 "Access Denied". Statements that deny under a condition are not evaluated here: no request of a real client meets
    the one that the program has."""
    decide = access_control.IAMPolicyStatement.is_action_permitted

    def is_action_permitted(self, *args, **more):
        if self._statement.get("Effect") == "Deny" and self._statement.get("Condition"):
            return access_control.PermissionResult.NEUTRAL
        return decide(self, *args, **more)

    access_control.IAMPolicyStatement.is_action_permitted = is_action_permitted


def private_zones():
    """moto takes a zone for private only if HostedZoneConfig says so, which AWS's API does not need and the provider does not send: the
    zone comes back public and without its VPC."""
    create = route53.Route53.create_hosted_zone

    def create_hosted_zone(self):
        flag = self._get_bool_param
        if self._get_param("VPC.VPCId"):
            self._get_bool_param = lambda key, default=None: True if key == "HostedZoneConfig.PrivateZone" else flag(key, default)
        return create(self)

    route53.Route53.create_hosted_zone = create_hosted_zone


def launch_templates():
    """moto puts a template's own tags into its data, as tag specifications of a resource type "launch-template": a difference in every
    later run."""
    create = EC2Response.create_launch_template

    def create_launch_template(self):
        backend = self.ec2_backend
        given = copy.deepcopy((self._get_param("LaunchTemplateData", {}) or {}).get("TagSpecifications"))

        class Backend:
            def __getattr__(self, name):
                return getattr(backend, name)

            def create_launch_template(self, name, description, data, tags):
                data.pop("TagSpecifications", None)
                if given is not None:
                    data["TagSpecifications"] = given
                return backend.create_launch_template(name, description, data, tags)

        whole = type(self)
        self.__class__ = type(whole.__name__, (whole,), {"ec2_backend": property(lambda _: Backend())})
        try:
            return create(self)
        finally:
            self.__class__ = whole

    EC2Response.create_launch_template = create_launch_template


def endpoints():
    """moto keeps a deleted VPC endpoint visible for ever, and the provider waits ten minutes for it to go."""
    backend = next(c for c in vars(vpcs).values() if isinstance(c, type) and "delete_vpc_endpoints" in vars(c))
    delete = backend.delete_vpc_endpoints

    def delete_vpc_endpoints(self, vpce_ids=None):
        done = delete(self, vpce_ids)
        for endpoint in vpce_ids or []:
            self.vpc_end_points.pop(endpoint, None)
        return done

    backend.delete_vpc_endpoints = delete_vpc_endpoints


def propagation():
    """moto lacks EnableVgwRoutePropagation and its inverse, and no route table ever tells what propagates to it."""
    route_tables.RouteTable.propagating_vgws = property(lambda self: [{"GatewayId": g} for g in self.__dict__.get("_propagating", [])])

    def switch(on):
        def action(self):
            table, gateway = self.ec2_backend.get_route_table(self._get_param("RouteTableId")), self._get_param("GatewayId")
            others = [g for g in table.__dict__.get("_propagating", []) if g != gateway]
            table.__dict__["_propagating"] = others + [gateway] if on else others
            return EmptyResult()

        return action

    EC2Response.enable_vgw_route_propagation, EC2Response.disable_vgw_route_propagation = switch(True), switch(False)


def scaling_policies():
    """moto returns a scaling policy as not enabled and with an empty predictive configuration: a difference in every later run."""
    make = autoscaling.FakeScalingPolicy.__init__

    def init(self, *args, **more):
        make(self, *args, **more)
        self.enabled = True
        self.predictive_scaling_configuration = self.predictive_scaling_configuration or None

    autoscaling.FakeScalingPolicy.__init__ = init


def interfaces():
    """moto leaves the interfaces of NAT gateways behind, and those that a launch template makes, since it takes the template's "true" for
    another thing than true."""
    prepare = instances.Instance.prep_nics

    def prep_nics(self, *args, **more):
        before = set(self.ec2_backend.enis)
        prepare(self, *args, **more)
        for interface in self.nics.values():
            interface.delete_on_termination = interface.id not in before

    instances.Instance.prep_nics = prep_nics
    delete = nat_gateways.NatGatewayBackend.delete_nat_gateway

    def delete_nat_gateway(self, nat_gateway_id):
        gateway = delete(self, nat_gateway_id)
        self.enis.pop(gateway._eni.id, None)
        return gateway

    nat_gateways.NatGatewayBackend.delete_nat_gateway = delete_nat_gateway


def nat_addresses():
    """moto ignores the secondary addresses of a NAT gateway and lacks the calls that add and take them: the second run would add them again."""
    create = EC2Response.create_nat_gateway

    def entry(self, gateway, allocation):
        address = self.ec2_backend.address_by_allocation([allocation])[0]
        address.association_id = address.association_id or "eipassoc-" + uuid.uuid4().hex[:17]
        return {"allocationId": allocation, "publicIp": address.public_ip, "associationId": address.association_id, "status": "succeeded",
                "networkInterfaceId": gateway._eni.id, "privateIp": random_private_ip(), "isPrimary": False}

    def create_nat_gateway(self):
        out = create(self)
        gateway = out.result["NatGateway"]
        gateway.address_set[0]["isPrimary"] = True
        gateway.address_set += [entry(self, gateway, a) for a in self._get_param("SecondaryAllocationIds", []) or []]
        return out

    def associate_nat_gateway_address(self):
        gateway = self.ec2_backend.nat_gateways[self._get_param("NatGatewayId")]
        gateway.address_set += [entry(self, gateway, a) for a in self._get_param("AllocationIds", [])]
        return ActionResult({"NatGatewayId": gateway.id, "NatGatewayAddresses": gateway.address_set})

    def disassociate_nat_gateway_address(self):
        gateway, gone = self.ec2_backend.nat_gateways[self._get_param("NatGatewayId")], self._get_param("AssociationIds", [])
        for each in gateway.address_set:
            if each["associationId"] in gone:
                self.ec2_backend.address_by_allocation([each["allocationId"]])[0].association_id = None
        gateway.address_set = [each for each in gateway.address_set if each["associationId"] not in gone]
        return ActionResult({"NatGatewayId": gateway.id, "NatGatewayAddresses": gateway.address_set})

    for action in (create_nat_gateway, associate_nat_gateway_address, disassociate_nat_gateway_address):
        setattr(EC2Response, action.__name__, action)


def group_policies():
    """moto takes an update of a scaling group that names no mixed instances policy, as the provider sends after it has put the hooks, for
    one that takes the policy away: the group comes back without it, and every later run would put it back."""
    update = autoscaling.FakeAutoScalingGroup.update

    def kept(self, *args, **more):
        if self.mixed_instances_policy and not any(more.get(k) for k in ("mixed_instances_policy", "launch_template", "launch_config_name")):
            policy = copy.deepcopy(self.mixed_instances_policy)
            policy["LaunchTemplate"]["LaunchTemplateSpecification"].pop("LaunchTemplateName", None)  # moto takes the id or the name, not both
            more["mixed_instances_policy"] = policy
        return update(self, *args, **more)

    autoscaling.FakeAutoScalingGroup.update = kept


def group_lifetimes():
    """moto forgets MaxInstanceLifetime of a scaling group: a difference in every later run."""
    for name in ("create_auto_scaling_group", "update_auto_scaling_group"):

        def action(self, answer=getattr(AutoScalingResponse, name)):
            out, lifetime = answer(self), self._get_param("MaxInstanceLifetime")
            if lifetime is not None:
                group = self.autoscaling_backend.autoscaling_groups[self._get_param("AutoScalingGroupName")]
                group.max_instance_lifetime = int(lifetime) or None
            return out

        setattr(AutoScalingResponse, name, action)


# The options of a tunnel that are lists of values.
LISTS = ("Phase1EncryptionAlgorithms", "Phase2EncryptionAlgorithms", "Phase1IntegrityAlgorithms", "Phase2IntegrityAlgorithms",
         "Phase1DHGroupNumbers", "Phase2DHGroupNumbers", "IKEVersions")


def tunnels():
    """moto ignores every option of a VPN connection's tunnels and gives all connections the same addresses and keys. So GCP's side would
    be built on addresses that no AWS side has, and the provider reads back a difference in every later run. Addresses, keys and what is
    not given are made from the connection's id: another connection has others, the same one always has the same."""
    create = EC2Response.create_vpn_connection

    def create_vpn_connection(self):
        out = create(self)
        connection = out.result["VpnConnection"]
        options = self._get_param("Options", {}) or {}
        given = (list(options.get("TunnelOptions") or []) + [{}, {}])[:2]
        connection._tunnels = [tunnel(connection.id, number, each) for number, each in enumerate(given)]
        connection.options = {
            "EnableAcceleration": False, "StaticRoutesOnly": str(options.get("StaticRoutesOnly", False)).lower() == "true",
            "LocalIpv4NetworkCidr": options.get("LocalIpv4NetworkCidr") or "0.0.0.0/0",
            "RemoteIpv4NetworkCidr": options.get("RemoteIpv4NetworkCidr") or "0.0.0.0/0",
            "OutsideIpAddressType": "PublicIpv4", "TunnelInsideIpVersion": "ipv4", "TunnelOptions": connection._tunnels}
        connection.category, connection.routes = "VPN", []
        gateway = self.ec2_backend.vpn_gateways[connection.vpn_gateway_id]
        connection._asn = gateway.amazon_side_asn or "64512"
        connection.vgw_telemetry = [{"AcceptedRouteCount": 0, "LastStatusChange": "2025-01-01T00:00:00Z", "Status": "DOWN",
                                     "StatusMessage": "IPSEC IS DOWN", "OutsideIpAddress": t["OutsideIpAddress"]} for t in connection._tunnels]
        return out

    def modify_vpn_tunnel_options(self):
        connection = self.ec2_backend.vpn_connections[self._get_param("VpnConnectionId")]
        for each in connection._tunnels:
            if each["OutsideIpAddress"] == self._get_param("VpnTunnelOutsideIpAddress"):
                take(each, self._get_param("TunnelOptions", {}))
        return ActionResult({"VpnConnection": connection})

    EC2Response.create_vpn_connection = create_vpn_connection
    EC2Response.modify_vpn_tunnel_options = modify_vpn_tunnel_options
    vpn.VPNConnection.customer_gateway_configuration = property(configuration)


def tunnel(connection, number, given):
    digest = hashlib.sha512(f"{connection} {number}".encode()).hexdigest()
    chosen = {"OutsideIpAddress": ".".join(["34" if number == 0 else "52"] + [str(int(digest[i:i + 2], 16) % 250 + 1) for i in (0, 2, 4)]),
              "TunnelInsideCidr": f"169.254.{int(digest[6:8], 16) % 100 + 10}.{int(digest[8:10], 16) // 4 * 4}/30", "PreSharedKey": "k" + digest[10:41]}
    take(chosen, given)
    return chosen


def take(options, given):
    for key, value in (given or {}).items():
        # The API takes the options under other spellings than those under which it gives them.
        told = key.replace("IKE", "Ike").replace("DPD", "Dpd")
        if key in LISTS:
            values = [each.get("Value") if isinstance(each, dict) else each for each in value]
            options[told] = [{"Value": int(v) if "DHGroup" in key else v} for v in values]
        elif key.endswith(("Seconds", "Percentage", "Packets")):
            options[told] = int(value)
        elif key == "EnableTunnelLifecycleControl":
            options[key] = str(value).lower() == "true"
        elif key == "LogOptions":
            options[key] = {"CloudWatchLogOptions": {"LogEnabled": False}}
        elif value not in (None, ""):
            options[told] = value


def configuration(self):
    """The document in which AWS hands out addresses and keys, and from which the provider reads them."""
    if not hasattr(self, "_tunnels"):
        return ""
    customer = self.ec2_backend.get_customer_gateway(self.customer_gateway_id)
    parts = []
    for each in self._tunnels:
        inside = ip_network(each["TunnelInsideCidr"])
        ends = "".join(
            f"<{end}><tunnel_outside_address><ip_address>{outside}</ip_address></tunnel_outside_address><tunnel_inside_address>"
            f"<ip_address>{inside[place]}</ip_address><network_mask>255.255.255.252</network_mask><network_cidr>30</network_cidr>"
            f"</tunnel_inside_address><bgp><asn>{asn}</asn><hold_time>30</hold_time></bgp></{end}>"
            for end, outside, place, asn in (("customer_gateway", customer.ip_address, 2, customer.bgp_asn),
                                             ("vpn_gateway", each["OutsideIpAddress"], 1, self._asn)))
        parts.append(f"<ipsec_tunnel>{ends}<ike><pre_shared_key>{each['PreSharedKey']}</pre_shared_key></ike></ipsec_tunnel>")
    return (f'<?xml version="1.0" encoding="UTF-8"?><vpn_connection id="{self.id}"><customer_gateway_id>{self.customer_gateway_id}'
            f"</customer_gateway_id><vpn_gateway_id>{self.vpn_gateway_id}</vpn_gateway_id><vpn_connection_type>{self.type}"
            f"</vpn_connection_type>{''.join(parts)}</vpn_connection>")


class Lifecycle:
    """moto has no Data Lifecycle Manager at all and answers 500. This keeps policies as they come."""

    def __init__(self):
        self.policies = {}

    def answer(self, method, path, body, region):
        parts = path.strip("/").split("/")
        if parts[0] == "policies" and method == "POST":
            name = "policy-" + uuid.uuid4().hex[:17]
            details = body["PolicyDetails"]
            details.setdefault("PolicyType", "EBS_SNAPSHOT_MANAGEMENT")
            self.policies[name] = dict(body, PolicyId=name, PolicyArn=f"arn:aws:dlm:{region}:{ACCOUNT}:policy/{name}", Tags=body.get("Tags") or {},
                                       DateCreated="2025-01-01T00:00:00Z", DateModified="2025-01-01T00:00:00Z", Region=region)
            return 200, {"PolicyId": name}
        if parts[0] == "policies" and len(parts) == 1:
            listed = ("PolicyId", "Description", "State", "Tags")
            return 200, {"Policies": [{k: p[k] for k in listed} for p in self.policies.values() if p["Region"] == region]}
        name = parts[-1].split("/")[-1]
        if name not in self.policies:
            return 404, {"__type": "ResourceNotFoundException", "Message": f"no policy {name}", "ResourceType": "Policy"}
        return self.one(method, parts[0], name, body)

    def one(self, method, kind, name, body):
        policy = self.policies[name]
        if kind == "tags":
            policy["Tags"].update((body or {}).get("Tags") or {})
            return 200, {"Tags": policy["Tags"]}
        if method == "DELETE":
            del self.policies[name]
        if method == "PATCH":
            policy.update(body)
        return 200, {"Policy": {k: v for k, v in policy.items() if k != "Region"}} if method == "GET" else {}


def lifecycle_manager():
    front, own = server.DomainDispatcherApplication.__call__, Lifecycle()

    def call(self, environ, start_response):
        signed = re.search(r"Credential=[^/]+/\d+/([^/]+)/dlm/aws4_request", environ.get("HTTP_AUTHORIZATION", ""))
        if not signed:
            return front(self, environ, start_response)
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = json.loads(environ["wsgi.input"].read(length)) if length else {}
        status, out = own.answer(environ["REQUEST_METHOD"], environ["PATH_INFO"], body, signed.group(1))
        text = json.dumps(out).encode()
        start_response(f"{status} -", [("Content-Type", "application/json"), ("Content-Length", str(len(text))),
                                       ("x-amzn-ErrorType", out.get("__type", ""))])
        return [text]

    server.DomainDispatcherApplication.__call__ = call


def show_bugs():
    """An exception inside moto is a 500 too, which the provider repeats: here it is a 501, with its trace on the error output."""
    front = server.DomainDispatcherApplication.__call__

    def call(self, environ, start_response):
        try:
            return front(self, environ, start_response)
        except Exception as bug:
            traceback.print_exc()
            text = f"<Response><Errors><Error><Code>MotoBug</Code><Message>{bug!r}</Message></Error></Errors></Response>".encode()
            start_response("501 -", [("Content-Type", "text/xml"), ("Content-Length", str(len(text)))])
            return [text]

    server.DomainDispatcherApplication.__call__ = call


if not os.environ.get("MOTO_PLAIN"):
    for close in (refuse_at_once, connections, one_at_a_time, bucket_policies, private_zones, launch_templates, endpoints, propagation, scaling_policies,
                  interfaces, nat_addresses, group_policies, group_lifetimes, tunnels, lifecycle_manager, show_bugs):
        close()

if __name__ == "__main__":
    server.main(sys.argv[1:])
