"""acl.py - SKELETON, to be written."""
from server.client.networking_reply import addReplyErrorFormat


def authCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def aclCommand(c):
    addReplyErrorFormat(c, b"command '%s' is not implemented yet", c.cmd.name)


def ACLGetCommandCategoryFlagByName(*args):
    raise NotImplementedError("ACLGetCommandCategoryFlagByName")


def ACLCreateUnlinkedUser(*args):
    raise NotImplementedError("ACLCreateUnlinkedUser")


def ACLFreeUserAndKillClients(*args):
    raise NotImplementedError("ACLFreeUserAndKillClients")


def ACLDescribeUser(*args):
    raise NotImplementedError("ACLDescribeUser")


def ACLSetUser(*args):
    raise NotImplementedError("ACLSetUser")


def ACLSetUserStringError(*args):
    raise NotImplementedError("ACLSetUserStringError")


def ACLInit(*args):
    raise NotImplementedError("ACLInit")


def ACLCheckUserCredentials(*args):
    raise NotImplementedError("ACLCheckUserCredentials")


def ACLAuthenticateUser(*args):
    raise NotImplementedError("ACLAuthenticateUser")


def ACLGetCommandID(*args):
    raise NotImplementedError("ACLGetCommandID")


def ACLClearCommandID(*args):
    raise NotImplementedError("ACLClearCommandID")


def ACLGetUserByName(*args):
    raise NotImplementedError("ACLGetUserByName")


def ACLCheckAllPerm(*args):
    raise NotImplementedError("ACLCheckAllPerm")


def ACLAppendUserForLoading(*args):
    raise NotImplementedError("ACLAppendUserForLoading")


def ACLLoadConfiguredUsers(*args):
    raise NotImplementedError("ACLLoadConfiguredUsers")


def ACLLoadUsersAtStartup(*args):
    raise NotImplementedError("ACLLoadUsersAtStartup")


def addACLLogEntry(*args):
    raise NotImplementedError("addACLLogEntry")


def addReplyCommandCategories(*args):
    raise NotImplementedError("addReplyCommandCategories")


def ACLUpdateDefaultUserPassword(*args):
    raise NotImplementedError("ACLUpdateDefaultUserPassword")
