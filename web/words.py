"""What our own pages say, in both languages."""

from __future__ import annotations

from grid.text import Language, Text

PRODUCT = Text("红马甲 Redvest", "Redvest 红马甲")
SIGN_IN = Text("登录", "Sign in")
NAME = Text("账号", "Account")
PASSWORD = Text("密码", "Password")
WRONG = Text("账号或密码不对。", "Account or password is wrong.")
TOO_MANY = Text("试得太多，请 {seconds} 秒后再试。", "Too many guesses are waiting. Try again in {seconds} s.")
FORM_FAULT = Text("没有收到账号和密码。", "Account and password did not arrive.")
ENDED = Text("登录已结束，请重新登录。", "Your sign-in has ended. Please sign in again.")
OTHER_LANGUAGE = Text("English", "中文")
SET_UP = Text("第一次启动：建立管理员账号", "First start: make the administrator's account")
SET_UP_NOTE = Text(
    "这个地址只用一次，只在本机有效。之后请用 redvest account 或管理员页面添加其他人。",
    "This address works once, and on this computer only. Add others by redvest account or on the administrator's page.",
)
MAKE_ACCOUNT = Text("建立账号", "Make the account")
WHO_AM_I = Text("当前登录", "Signed in")
UNTIL = Text("有效至", "Until")
UNTIL_ENDED = Text("直到被结束", "until it is ended")
SIGN_OUT = Text("退出", "Sign out")
SESSIONS = Text("我的登录", "My sign-ins")
THIS_ONE = Text("本次", "this one")
END = Text("结束", "End")
NEW_PASSWORD = Text("新密码", "New password")
CHANGE_PASSWORD = Text("修改密码", "Change password")
OLD_PASSWORD = Text("现在的密码", "Current password")
PASSWORD_CHANGED = Text("密码已修改，请重新登录。", "The password is changed. Please sign in again.")
SINCE = Text("开始", "since")
BACK = Text("返回", "Back")
LANGUAGES = {language.value: language for language in Language}
