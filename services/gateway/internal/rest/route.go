// Package rest knows which REST calls the protos declare and whether a request fits its call.
//
// The generated gateway maps requests to RPCs, but tells a caller little about a mistake: it ignores unknown query
// parameters, stops at the first wrong field and answers in the words of the JSON library. So each request is checked
// here first, against the descriptor of its RPC's request, and all its mistakes are named together.
package rest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Route is one REST call.
type Route struct {
	// Method is the HTTP method, and Template the path, "/api/v1/users/{id}:restore".
	Method, Template string
	// RPC is the full gRPC name, "/heyday.user.v1.UserService/RestoreUser".
	RPC string

	input      protoreflect.MessageDescriptor
	body       string // the field of input that the body fills; "*": all of it; empty: the call takes no body
	segments   []string
	verb       string
	pathFields []string
}

// Routes are the REST calls of a set of services.
type Routes []*Route

// Of reads the calls from the google.api.http options of every method of the files' services.
func Of(files ...protoreflect.FileDescriptor) (Routes, error) {
	var routes Routes
	for _, file := range files {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				found, err := ofMethod(methods.Get(j))
				if err != nil {
					return nil, err
				}
				routes = append(routes, found...)
			}
		}
	}
	return routes, nil
}

// Find returns the call of a request. If there is none, allowed are the methods that the path does take, sorted.
func (routes Routes) Find(method, path string) (route *Route, allowed []string) {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, candidate := range routes.at(path) {
		if candidate.Method == method {
			return candidate, nil
		}
		allowed = append(allowed, candidate.Method)
		if candidate.Method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	slices.Sort(allowed)
	return nil, allowed
}

// at returns the calls at a path. A custom verb wins over an id that happens to end like one.
func (routes Routes) at(path string) []*Route {
	var plain, custom []*Route
	segments := strings.Split(path, "/")
	for _, route := range routes {
		switch {
		case !route.matches(segments):
		case route.verb == "":
			plain = append(plain, route)
		default:
			custom = append(custom, route)
		}
	}
	if len(custom) > 0 {
		return custom
	}
	return plain
}

func (route *Route) matches(segments []string) bool {
	last := len(segments) - 1
	if len(segments) != len(route.segments) || !strings.HasSuffix(segments[last], route.verb) {
		return false
	}
	for i, segment := range segments {
		if i == last {
			segment = strings.TrimSuffix(segment, route.verb)
		}
		if want := route.segments[i]; want != segment && (!isVariable(want) || isNoID(segment)) {
			return false
		}
	}
	return true
}

func ofMethod(method protoreflect.MethodDescriptor) (Routes, error) {
	rule, ok := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return nil, nil
	}
	var routes Routes
	for _, binding := range append([]*annotations.HttpRule{rule}, rule.GetAdditionalBindings()...) {
		route := &Route{
			RPC:   fmt.Sprintf("/%s/%s", method.Parent().FullName(), method.Name()),
			input: method.Input(),
			body:  binding.GetBody(),
		}
		route.Method, route.Template = methodAndTemplate(binding)
		if err := route.parseTemplate(); err != nil {
			return nil, err
		}
		routes = append(routes, route)
	}
	return routes, nil
}

func methodAndTemplate(rule *annotations.HttpRule) (method, template string) {
	switch {
	case rule.GetGet() != "":
		return http.MethodGet, rule.GetGet()
	case rule.GetPost() != "":
		return http.MethodPost, rule.GetPost()
	case rule.GetPut() != "":
		return http.MethodPut, rule.GetPut()
	case rule.GetPatch() != "":
		return http.MethodPatch, rule.GetPatch()
	case rule.GetDelete() != "":
		return http.MethodDelete, rule.GetDelete()
	default:
		return "", ""
	}
}

// parseTemplate takes literals, whole-segment variables and a verb: all that our protos use.
func (route *Route) parseTemplate() error {
	path := route.Template
	if at := strings.LastIndex(path, ":"); at > 0 {
		path, route.verb = path[:at], path[at:]
	}
	route.segments = strings.Split(path, "/")
	for _, segment := range route.segments {
		if isVariable(segment) {
			route.pathFields = append(route.pathFields, strings.Trim(segment, "{}"))
		} else if strings.ContainsAny(segment, "{}*") {
			return fmt.Errorf("%s: %q is a path template this gateway does not know", route.RPC, route.Template)
		}
	}
	return nil
}

// isNoID tells the segments that mean another path, or none.
func isNoID(segment string) bool { return segment == "" || segment == "." || segment == ".." }

func isVariable(segment string) bool {
	return strings.HasPrefix(segment, "{") && strings.HasSuffix(segment, "}") && !strings.Contains(segment, "=")
}

// bodyMessage is the message that the body fills; nil when the call takes none.
func (route *Route) bodyMessage() protoreflect.MessageDescriptor {
	switch route.body {
	case "":
		return nil
	case "*":
		return route.input
	default:
		return route.input.Fields().ByName(protoreflect.Name(route.body)).Message()
	}
}

// Name is the RPC's service and method, as a gRPC service config wants them.
func (route *Route) Name() (service, method string) {
	service, method, _ = strings.Cut(strings.TrimPrefix(route.RPC, "/"), "/")
	return service, method
}
