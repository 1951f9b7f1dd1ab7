package secret

import "fmt"

// exact is a token of a prefix and a greedy body of n letters of a set.
func exact(prefix, set string, n int) string {
	return fmt.Sprintf(`^((?:%s)[%s]{%d})(?:[^%s]|[-_.]|$)`, prefix, set, n, set)
}

// whole is exact, and nothing of the set may follow.
func whole(prefix, set string, n int) string {
	return fmt.Sprintf(`^((?:%s)[%s]{%d})(?:[^%s]|$)`, prefix, set, n, set)
}

func atLeast(prefix, set string, n int) string {
	return fmt.Sprintf(`^((?:%s)[%s]{%d,})`, prefix, set, n)
}

const (
	setAlnum = `0-9A-Za-z`
	setURL   = `0-9A-Za-z_\-`
	setDot   = `0-9A-Za-z_.\-`
	setB64   = `0-9A-Za-z+/`
	gap      = `[ \t\r\n"'` + "`" + `\\:=>,(\[{|]{1,24}`
)

// shapes: group 1 is the span. size is the alphabet for the test of entropy,
// skip what stands before the random part, most the longest body.
var shapes = map[string]struct {
	re         string
	skip       string
	size, most int
	mixed      bool
	inner      bool
	crc        bool
}{
	"openai_project_key":        {re: atLeast("sk-proj-", setURL, 40), skip: "sk-proj-", size: 64, most: 220, inner: true},
	"openai_service_key":        {re: atLeast("sk-svcacct-", setURL, 40), skip: "sk-svcacct-", size: 64, most: 220, inner: true},
	"openai_admin_key":          {re: atLeast("sk-admin-", setURL, 40), skip: "sk-admin-", size: 64, most: 220, inner: true},
	"openai_key":                {re: exact("sk-", setAlnum, 48), skip: "sk-", size: 62, inner: true},
	"anthropic_api_key":         {re: `^(sk-ant-api03-[0-9A-Za-z_\-]{93}AA)(?:[^0-9A-Za-z]|$)`, skip: "sk-ant-api03-", size: 64},
	"anthropic_admin_key":       {re: `^(sk-ant-admin01-[0-9A-Za-z_\-]{93}AA)(?:[^0-9A-Za-z]|$)`, skip: "sk-ant-admin01-", size: 64},
	"anthropic_oauth_token":     {re: `^(sk-ant-o[ar]t01-[0-9A-Za-z_\-]{93}AA)(?:[^0-9A-Za-z]|$)`, skip: "sk-ant-oxt01-", size: 64},
	"huggingface_token":         {re: exact("hf_", setAlnum, 34), skip: "hf_", size: 62},
	"huggingface_org_token":     {re: exact("api_org_", setAlnum, 34), skip: "api_org_", size: 62},
	"openrouter_key":            {re: exact("sk-or-v1-", `0-9a-f`, 64), skip: "sk-or-v1-", size: 16},
	"deepseek_key":              {re: exact("sk-", `0-9a-f`, 32), skip: "sk-", size: 16},
	"langfuse_key":              {re: exact("sk-lf-", `0-9a-f\-`, 36), skip: "sk-lf-", size: 16},
	"litellm_key":               {re: whole("sk-", setURL, 22), skip: "sk-", size: 64, mixed: true},
	"groq_key":                  {re: exact("gsk_", setAlnum, 52), skip: "gsk_", size: 62},
	"replicate_token":           {re: exact("r8_", setAlnum, 37), skip: "r8_", size: 62},
	"perplexity_key":            {re: atLeast("pplx-", setAlnum, 48), skip: "pplx-", size: 62, most: 53},
	"xai_key":                   {re: exact("xai-", setAlnum, 80), skip: "xai-", size: 62},
	"nvidia_key":                {re: atLeast("nvapi-", setURL, 60), skip: "nvapi-", size: 64, most: 70},
	"langsmith_key":             {re: exact("lsv2_pt_|lsv2_sk_", `0-9a-f_`, 43), skip: "lsv2_pt_", size: 16},
	"tavily_key":                {re: atLeast("tvly-", setURL, 32), skip: "tvly-", size: 64, most: 48, mixed: true},
	"aws_secret_key":            {re: `^(?i:secret_access_key|secretaccesskey|secret-access-key|secret access key|secret_?key)` + gap + `([0-9A-Za-z+/]{40})(?:[^0-9A-Za-z+/]|$)`, size: 64},
	"aws_session_token":         {re: atLeast("IQoJb3JpZ2luX2Vj|FwoGZXIvYXdz", setB64+"=", 100), size: 65, most: 4096},
	"bedrock_key":               {re: `^(ABSK[0-9A-Za-z+/]{60,400}={0,2})`},
	"bedrock_short_key":         {re: `^(bedrock-api-key-[0-9A-Za-z+/_\-]{100,}={0,2})`},
	"google_api_key":            {re: exact("AIza", setURL, 35), skip: "AIza", size: 64},
	"google_oauth_token":        {re: atLeast(`ya29\.`, setDot, 40), skip: "ya29.", size: 65, most: 2048},
	"google_client_secret":      {re: exact("GOCSPX-", setURL, 28), skip: "GOCSPX-", size: 64},
	"azure_openai_key":          {re: `^(?i:azure_openai_api_key|azure_openai_key|azure_api_key|subscription-key|api-key)` + gap + `([0-9A-Fa-f]{32})(?:[^0-9A-Za-z]|$)`, size: 16},
	"azure_ai_key":              {re: `^([0-9A-Za-z]{52}JQQJ99[0-9A-Za-z]{26})(?:[^0-9A-Za-z]|$)`, size: 62},
	"azure_storage_key":         {re: `^(?i:accountkey|account_key|storage_key|storage_access_key)` + gap + `([0-9A-Za-z+/]{86}==)`, size: 64},
	"azure_shared_access_key":   {re: `^(?i:sharedaccesskey|shared_access_key)` + gap + `([0-9A-Za-z+/]{43}=)`, size: 64},
	"digitalocean_token":        {re: exact("do[por]_v1_", `0-9a-f`, 64), skip: "dop_v1_", size: 16},
	"databricks_token":          {re: exact("dapi", `0-9a-f`, 32), skip: "dapi", size: 16},
	"github_token":              {re: `^(gh[pousr]_[0-9A-Za-z]{36})`, skip: "ghp_", crc: true},
	"github_fine_grained_token": {re: exact("github_pat_", setAlnum+"_", 82), skip: "github_pat_", size: 63},
	"gitlab_token":              {re: atLeast(`glpat-|gldt-|glcbt-|glrt-|glrtr-|glptt-|glft-|glsoat-|glimt-|glagent-|gloas-`, setDot, 20), skip: "-", size: 65, most: 320},
	"npm_token":                 {re: `^(npm_[0-9A-Za-z]{36})`, skip: "npm_", crc: true},
	"pypi_token":                {re: atLeast("pypi-AgEIcHlwaS5vcmc", setURL, 50), skip: "pypi-AgEIcHlwaS5vcmc", size: 64, most: 400},
	"pypi_test_token":           {re: atLeast("pypi-AgENdGVzdC5weXBpLm9yZw", setURL, 50), skip: "pypi-AgENdGVzdC5weXBpLm9yZw", size: 64, most: 400},
	"docker_token":              {re: atLeast("dckr_[po]at_", setURL, 27), skip: "dckr_pat_", size: 64, most: 36},
	"rubygems_key":              {re: exact("rubygems_", `0-9a-f`, 48), skip: "rubygems_", size: 16},
	"slack_webhook":             {re: `^(hooks\.slack\.com/services/T[0-9A-Z]{7,13}/B[0-9A-Z]{7,13}/[0-9A-Za-z]{20,32})(?:[^0-9A-Za-z]|$)`},
	"slack_token":               {re: atLeast(`xox[baprse]-|xoxe\.xoxp-|xapp-`, `0-9A-Za-z\-`, 30), skip: "-", size: 40, most: 260},
	"stripe_key":                {re: atLeast("[sr]k_live_", setAlnum, 24), skip: "sk_live_", size: 62, most: 110},
	"stripe_test_key":           {re: atLeast("[sr]k_test_", setAlnum, 24), skip: "sk_test_", size: 62, most: 110},
	"sendgrid_key":              {re: exact(`SG\.`, setDot, 66), skip: "SG.", size: 65, mixed: true},
	"vault_token":               {re: atLeast(`hv[sbr]\.`, setURL, 24), skip: "hvs.", size: 64, most: 300, mixed: true},
	"linear_key":                {re: exact("lin_api_", setAlnum, 40), skip: "lin_api_", size: 62},
	"grafana_token":             {re: exact("glsa_", setAlnum+"_", 41), skip: "glsa_", size: 63},
	"sentry_token":              {re: exact("sntryu_", `0-9a-f`, 64), skip: "sntryu_", size: 16},
	"tailscale_key":             {re: atLeast("tskey-auth-|tskey-api-|tskey-client-", setURL, 20), skip: "-", size: 64, most: 90, mixed: true},
	"pulumi_token":              {re: exact("pul-", `0-9a-f`, 40), skip: "pul-", size: 16},
	"age_key":                   {re: exact("AGE-SECRET-KEY-1", `0-9A-Z`, 58), skip: "AGE-SECRET-KEY-1", size: 36},
	"jwt":                       {re: `^(eyJ[0-9A-Za-z_\-]*\.[0-9A-Za-z_\-]{8,}\.[0-9A-Za-z_\-]{16,})`},
	"connection_string":         {re: "^://[^/?#\"'`\\\\<> @:\\x00-\\x20\\x7f-\\xff]*:([^/?#\"'`\\\\<>\\x00-\\x20\\x7f-\\xff]*)@"},
	"basic_auth":                {re: `^(?i:basic)[ +]([0-9A-Za-z+/_\-]{12,}={0,2})`},
	"bearer_token":              {re: `^(?i:bearer)[ +]([0-9A-Za-z._~+/\-]{20,})`, size: 32},
}
