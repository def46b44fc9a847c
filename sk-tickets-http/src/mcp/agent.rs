//! What answers an agent: the tools, resources and prompts that its key may use, in the words of the protocol.

use std::sync::{Arc, LazyLock};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CustomRequest, CustomResult, ErrorCode,
        GetPromptRequestParams, GetPromptResponse, GetPromptResult, Implementation, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams, Prompt,
        PromptArgument, PromptMessage, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
        ResourceContents, ResourceTemplate, Role, ServerCapabilities, ServerConfig, Tool as ToolCard, ToolAnnotations,
    },
    service::{NotificationContext, RequestContext},
};
use serde_json::Value;
use sk_tickets_core::{ApiKeySecret, Error, Scope, Tickets, platform::json::Json};

use super::{
    caller::Caller,
    prompt, resources,
    table::{TOOLS, tool_of, tools_of},
    tool::{Effect, Outcome, Tool},
    untrusted::NOTICE,
};
use crate::api::KeyRing;

/// Said to a host when it connects.
const INSTRUCTIONS: &str = "\
Tickets of a help desk. Before triage call triage_options. Claim with queue_claim_next, read with ticket_get, then \
ticket_triage, ticket_note, ticket_transition. Give expected_version to change only what you have seen. An error says code \
and hint, and what is allowed. A call whose answer was lost can be made again with the same arguments.";

/// The methods that are answered.
const METHODS: [&str; 10] = [
    "initialize",
    "server/discover",
    "ping",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
];

/// By what an agent is let in.
#[derive(Debug, Clone)]
pub(super) enum Access {
    /// Somebody who has passed the gate with this request.
    Admitted(Caller),
    /// Whoever holds this key: asked for with every request, since it may be revoked meanwhile.
    Holds(Holder),
}

/// A key and its session.
#[derive(Debug, Clone)]
pub(super) struct Holder {
    pub(super) tickets: Tickets,
    pub(super) keys: KeyRing,
    pub(super) secret: ApiKeySecret,
    pub(super) session: String,
}

impl Holder {
    pub(super) async fn caller(&self) -> Result<Caller, Error> {
        let Self { tickets, keys, secret, session } = self;
        let key = keys.open(tickets, secret.expose()).await?;
        Ok(Caller { tickets: tickets.clone(), key, session: session.clone(), request_id: tickets.request_id() })
    }
}

/// Answers the requests of one agent.
#[derive(Debug)]
pub(super) struct Agent(pub(super) Access);

impl Agent {
    async fn caller(&self) -> Result<Caller, ErrorData> {
        match &self.0 {
            Access::Admitted(caller) => Ok(caller.clone()),
            Access::Holds(holder) => holder.caller().await.map_err(|error| fault(&error)),
        }
    }
}

/// A fault of the request as a whole, as the protocol tells it.
fn fault(error: &Error) -> ErrorData {
    let problem = error.problem();
    let data = serde_json::json!({"code": problem.code()});
    let text = format!("{}: {}", problem.code(), problem.detail());
    match problem.status() {
        500.. => ErrorData::internal_error(text, Some(data)),
        _ => ErrorData::invalid_request(text, Some(data)),
    }
}

/// A tool as it is listed.
fn card(tool: &Tool) -> ToolCard {
    let Effect { reads_only, replaces, once, goes_out } = tool.effect;
    let annotations = ToolAnnotations::with_title(tool.title.trim())
        .read_only(reads_only)
        .destructive(replaces)
        .idempotent(once)
        .open_world(goes_out);
    let about: Vec<_> = tool.about.lines().map(str::trim).collect();
    ToolCard::new(tool.name, about.join(" ").trim().to_owned(), Arc::new(tool.input_schema()))
        .with_title(tool.title.trim())
        .with_raw_output_schema(Arc::new(tool.output_schema()))
        .with_annotations(annotations)
}

/// Every tool as it is listed, in the order of the table.
static CARDS: LazyLock<Vec<ToolCard>> = LazyLock::new(|| TOOLS.iter().map(card).collect());

/// A short line, and the whole as data; once more as text, for hosts whose models see nothing else.
fn result(Outcome { text, content }: Outcome) -> CallToolResult {
    let json = content.to_string();
    let mut result = CallToolResult::success(vec![ContentBlock::text(text), ContentBlock::text(json)]);
    result.structured_content = Some(content);
    result
}

impl ServerHandler for Agent {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().build();
        let mut info = ServerConfig::new(capabilities);
        info.server_info = Implementation::new("sk-tickets", env!("CARGO_PKG_VERSION")).with_title("SK Tickets");
        info.instructions = Some(format!("{INSTRUCTIONS} {NOTICE}"));
        info
    }

    async fn on_initialized(&self, _: NotificationContext<RoleServer>) {}

    /// What the SDK could not read: a method that it does not know, or one with params that are none of that method's.
    async fn on_custom_request(
        &self,
        CustomRequest { method, .. }: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        if METHODS.contains(&method.as_str()) {
            return Err(ErrorData::invalid_params(format!("these are no params of {method}"), None));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, method, None))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let caller = self.caller().await?;
        let named = |tool: &Tool| CARDS.iter().find(|card| card.name == tool.name).cloned();
        Ok(ListToolsResult::with_all_items(tools_of(&caller).filter_map(named).collect()))
    }

    async fn call_tool(
        &self,
        CallToolRequestParams { name, arguments, .. }: CallToolRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let caller = self.caller().await?;
        let Some(tool) = tool_of(&caller, &name) else {
            return Err(ErrorData::invalid_params(format!("unknown tool: {name}"), None));
        };
        let arguments = Value::Object(arguments.unwrap_or_default()).to_string();
        let arguments =
            Json::parse(arguments.as_bytes()).map_err(|error| ErrorData::invalid_params(error.to_string(), None))?;
        let request_id = caller.request_id;
        let result = match (tool.run)(caller, arguments).await {
            Ok(outcome) => result(outcome),
            Err(refusal) => {
                resources::log(refusal.error(), tool.name, request_id);
                let mut result = CallToolResult::error(vec![ContentBlock::text(refusal.text())]);
                result.structured_content = serde_json::to_value(refusal.content()).ok();
                result
            }
        };
        Ok(result.into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let caller = self.caller().await?;
        let table = Resource::new(resources::TABLE, "transitions")
            .with_title("What may happen to a ticket")
            .with_description("Every status, what may follow it, and what that needs.")
            .with_mime_type(resources::MARKDOWN);
        let readable = caller.may(Scope::TicketsRead).then_some(table);
        Ok(ListResourcesResult::with_all_items(readable.into_iter().collect()))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let caller = self.caller().await?;
        let ticket = ResourceTemplate::new(resources::TICKET_TEMPLATE, "ticket")
            .with_title("A ticket")
            .with_description(format!("As ticket_get tells it, with the last entries of its thread. {NOTICE}"))
            .with_mime_type(resources::JSON);
        let readable = caller.may(Scope::TicketsRead).then_some(ticket);
        Ok(ListResourceTemplatesResult::with_all_items(readable.into_iter().collect()))
    }

    async fn read_resource(
        &self,
        ReadResourceRequestParams { uri, .. }: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let caller = self.caller().await?;
        match resources::read(&caller, &uri).await {
            Ok(Some((mime_type, text))) => {
                let contents = ResourceContents::text(text, uri).with_mime_type(mime_type);
                Ok(ReadResourceResult::new(vec![contents]).into())
            }
            Ok(None) => {
                let data = serde_json::json!({"uri": uri});
                Err(ErrorData::resource_not_found("there is no such resource", Some(data)))
            }
            Err(error) => {
                resources::log(&error, "resources/read", caller.request_id);
                Err(fault(&error))
            }
        }
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let caller = self.caller().await?;
        let arguments = prompt::ARGUMENTS.iter().map(|(name, about, required)| {
            PromptArgument::new(*name).with_description(*about).with_required(*required)
        });
        let triage =
            Prompt::new(prompt::NAME, Some(prompt::ABOUT), Some(arguments.collect())).with_title(prompt::TITLE);
        let usable = caller.may(Scope::TicketsTriage).then_some(triage);
        Ok(ListPromptsResult::with_all_items(usable.into_iter().collect()))
    }

    async fn get_prompt(
        &self,
        GetPromptRequestParams { name, arguments, .. }: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let caller = self.caller().await?;
        if name != prompt::NAME || !caller.may(Scope::TicketsTriage) {
            return Err(ErrorData::invalid_params(format!("unknown prompt: {name}"), None));
        }
        let text =
            prompt::text(&arguments.unwrap_or_default()).map_err(|wrong| ErrorData::invalid_params(wrong, None))?;
        let mut prompt = GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]);
        prompt.description = Some(prompt::ABOUT.to_owned());
        Ok(prompt.into())
    }
}
